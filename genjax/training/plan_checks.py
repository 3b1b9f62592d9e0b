"""Checks of a plan: each raises InputError for what no training could use, in a line that says what to do."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from genjax.config.run import AdaptConfig
from genjax.data import Dataset
from genjax.data.sources.folder import reads_below
from genjax.devices import backend
from genjax.errors import InputError, looked_for
from genjax.families.family import Stage
from genjax.transfer.freeze import Freeze, typed_patterns
from genjax.transfer.registry import Choice, names
from genjax.zoo.cards import ZOO


def check_dtype(dtype: str) -> None:
    """Raises InputError for bfloat16 on a CPU that would only imitate it."""
    if dtype == "bfloat16" and backend.on_cpu() and not backend.cpu_has_bfloat16():
        raise InputError(
            "--dtype bfloat16: this CPU does not compute in bfloat16, and would take longer to imitate it."
            " Use --dtype float32, or a TPU or GPU."
        )


def check_images(images: Dataset, size: int, channels: int) -> None:
    """Raises InputError unless the images of a set are of a model's size and channels."""
    found, expected = tuple(int(extent) for extent in images.images.shape[1:]), (size, size, channels)
    if found != expected or channels not in (1, 3):
        raise InputError(f"{images.name} has images {found}, and those of the model are {expected}. Load them so.")


def check_source_there(config: AdaptConfig) -> None:
    """Raises InputError for a resumed adaptation whose source is not where it was."""
    if not config.source.is_dir():
        raise InputError(
            f"the source of {config.out}, {config.source}{looked_for(config.source)}, is not there. Say where it lies"
            " now with --source."
        )


def check_trained(trained: Mapping[str, int], stages: Sequence[Stage], transfers: Choice) -> None:
    """Raises InputError for an adaptation of which nothing is trained.

    Args:
        trained: {network: its numbers that are trained}.
        stages: of the adaptation; those without steps train nothing.
        transfers: options of the transfers.
    """
    if not any(trained[network] for stage in stages if stage.steps for network in stage.learner.transfers):
        frozen = [f" {typed_patterns(one)}" for one in transfers if isinstance(one, Freeze) and one.patterns]
        raise InputError(
            f"--transfer {names(transfers)}{''.join(frozen)} leaves nothing to train: the adaptation would be its"
            " source. Freeze less of it."
        )


def check_name(path: Path) -> None:
    """Raises InputError for a path that cannot be written and read again under its name."""
    whole = os.path.abspath(path)
    try:
        whole.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(
            f"--out {str(path)!a} lies where this locale cannot name all letters of the path. Set PYTHONUTF8=1."
        ) from None
    if ZOO in Path(whole).parents:
        raise InputError(f"--out {path} lies in genjax's own zoo, which is read only. Use another --out.")
    if "[" in whole:  # checkpoints are put together by a pattern: they could be written and not read
        raise InputError(f"--out {path} lies in a folder with a bracket in its name ({whole}). Use one without.")


def check_apart(source: Path, out: Path) -> None:
    """Raises InputError where an adaptation would be written into its source or around it, which --force deletes."""
    one, other = Path(source).resolve(), Path(out).resolve()
    if one == other or one in other.parents or other in one.parents:
        raise InputError(f"--out {out} and --source {source} lie one in the other. Use another --out.")


def check_outside(data: str, out: Path) -> None:
    """Raises InputError where a run would be written into the folder of its images, and then be read with them."""
    if reads_below(data, out):
        raise InputError(
            f"--out {out} lies in the folder of --data {data}, and would be read with its images."
            " Use an --out outside of it."
        )


def check_said(images: Dataset) -> None:
    """Raises InputError where all captions of the images are empty."""
    if not any(caption.strip() for caption in images.captions):
        raise InputError(
            f"none of the {len(images)} images of {images.name} has a caption: nothing could be drawn of them. Use"
            " --captions drop, or more images."
        )
