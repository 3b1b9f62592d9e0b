"""Averages that a run keeps along training, RUN/averages: one file a step, from which others are rebuilt.

A file holds the averages of all widths, `0.1/flow/row` and so on, as half-precision numbers where these can hold them.
The steps are even: multiples of a power of two, at most KEPT of them and the last. They depend on the number of steps
alone, so that a run that was stopped, or is made longer, keeps what one that never stopped would.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors
import safetensors.numpy

from genjax.errors import InputError
from genjax.families.averages import check_width
from genjax.families.learner import Networks
from genjax.json_config import read_json
from genjax.store.model import stored_form
from genjax.store.run_folder import RunFolder, write_bytes, write_json
from genjax.transfer import Transfer
from genjax.tree import flatten

KEPT = 16  # steps: more of them rebuild narrower averages, and cost the size of two models each


class Kept(NamedTuple):
    """A file of averages.

    Attributes:
        step: step after which they were taken.
        path: place of the file, whose name ends in the first digits of its sha256.
    """

    step: int
    path: Path


def interval(steps: int) -> int:
    """Returns the steps between two files, of a training of so many: a power of two."""
    return 1 << max(0, (-(-steps // KEPT) - 1).bit_length())


def is_due(before: int, step: int, steps: int) -> bool:
    """Returns True if averages are to be kept now; `before` is the step that was seen last."""
    return step == steps or step // interval(steps) > before // interval(steps)


def keep_averages(
    folder: RunFolder,
    step: int,
    averages: Mapping[str, Networks],
    context: Networks,
    transfers: Mapping[str, Transfer],
    *,
    steps: int,
) -> None:
    """Writes the averages of a step, and deletes those that are not needed beside them.

    Args:
        folder: folder of the stage.
        step: step of the state.
        averages: {width: {network: tree}}.
        context: {network: what its transfer keeps}.
        transfers: {network: its transfer}.
        steps: length of the whole training.
    """
    folder.averages.mkdir(exist_ok=True)
    content = safetensors.numpy.save(
        {
            f"{width}/{network}/{name}": _halved(np.asarray(leaf))
            for width, networks in averages.items()
            for network, tree in networks.items()
            for name, leaf in flatten(stored_form(transfers[network], tree, context[network])[0]).items()
        }
    )
    path = folder.averages / f"{step:06d}-{hashlib.sha256(content).hexdigest()[:16]}.safetensors"
    write_bytes(path, content)
    for kept in _unneeded(kept_averages(folder), Kept(step, path), interval(steps)):
        kept.path.unlink()


def kept_averages(folder: RunFolder) -> list[Kept]:
    """Returns the files of averages of a stage, the oldest first."""
    found = [Kept(int(path.name.partition("-")[0]), path) for path in folder.averages.glob("[0-9]*-*.safetensors")]
    return sorted(found)


def delete_averages_after(folder: RunFolder, step: int) -> None:
    """Deletes the averages beyond a step that training goes back to."""
    for kept in kept_averages(folder):
        if kept.step > step:
            kept.path.unlink()


def read_averages(kept: Kept) -> dict[str, np.ndarray]:
    """Reads {width/network/name: array}.

    Raises:
        InputError: a damaged file.
    """
    try:
        content = kept.path.read_bytes()
        if not damaged(kept.path, content):
            return safetensors.numpy.load(content)
        problem = "its sha256 is not the one in its name"
    except (OSError, safetensors.SafetensorError) as error:
        problem = str(error)
    raise _unreadable(kept.path, problem)


def _unreadable(path: Path, problem: str) -> InputError:
    return InputError(f"{path} is damaged ({problem}). Delete it, to rebuild from the others.")


def damaged(path: Path, content: bytes) -> bool:
    """Returns True if a file of averages is not what was written."""
    return path.stem.partition("-")[2] != hashlib.sha256(content).hexdigest()[:16]


def _halved(leaf: np.ndarray) -> np.ndarray:
    """Returns half-precision numbers, unless some are too large for these."""
    if leaf.dtype != np.float32 or (leaf.size and np.abs(leaf).max() > np.finfo(np.float16).max):
        return leaf
    return leaf.astype(np.float16)


def _unneeded(found: list[Kept], latest: Kept, each: int) -> list[Kept]:
    """Returns those that are neither the latest nor the first of their interval, and earlier ones of its step."""
    first: dict[int, Kept] = {}
    for kept in found:
        if kept.step != latest.step:
            first.setdefault(kept.step // each, kept)
    first.pop(0, None)  # of a training that was shorter at first
    return [kept for kept in found if kept != latest and first.get(kept.step // each) != kept]


def mixed(kept: Sequence[Kept], factors: Mapping[tuple[int, str], float]) -> dict[str, np.ndarray]:
    """Adds up kept averages.

    Args:
        kept: files.
        factors: {(step, width): factor}, of all that they hold.
    Returns:
        {network/name: float32 array}.
    Raises:
        InputError: a damaged file, or files that are not of one training.
    """
    total: dict[str, np.ndarray] = {}
    for one in kept:
        held = read_averages(one)
        shapes = {name.partition("/")[2]: leaf.shape for name, leaf in held.items()}
        total = total or {name: np.zeros(shape) for name, shape in shapes.items()}
        widths = {(one.step, name.partition("/")[0]) for name in held}
        if shapes != {name: leaf.shape for name, leaf in total.items()} or not widths <= set(factors):
            raise InputError(f"{one.path} is not of the same training as the others there. Delete it.")
        for name, leaf in held.items():
            width, _, rest = name.partition("/")
            total[rest] += factors[one.step, width] * leaf.astype(np.float64)  # a Python float would leave it float16
    return {name: leaf.astype(np.float32) for name, leaf in total.items()}


def widths_in(kept: Kept) -> list[str]:
    """Returns the names of the widths of a file, the largest first, from its header alone.

    Raises:
        InputError: a file without a header, or one without widths in its names.
    """
    try:
        with safetensors.safe_open(kept.path, framework="numpy") as file:
            found = {name.partition("/")[0] for name in file.keys()}  # noqa: SIM118 - it is no dictionary
    except (OSError, safetensors.SafetensorError) as error:
        raise _unreadable(kept.path, str(error)) from None
    try:
        widths = sorted(found, key=float, reverse=True)
    except ValueError:
        raise InputError(f"{kept.path} holds no averages of this genjax. Delete it.") from None
    for width in widths:
        check_width(float(width), option=f"{kept.path}: width")
    return widths


class ModelFiles(NamedTuple):
    """The files of a stage's model, still to be written.

    Attributes:
        values: what model.json is to hold.
        networks: {file name: content}.
    """

    values: dict[str, Any]
    networks: dict[str, bytes]


def rebuilt_files(own: RunFolder, networks: Networks, further: Mapping[str, Any]) -> ModelFiles:
    """Makes the files of the latest model of a stage, some of its networks replaced.

    Args:
        own: folder of the stage.
        networks: {network: tree as it is stored} of those that are replaced; their own files are not read.
        further: values of model.json that are others.
    Raises:
        InputError: a file that cannot be read.
    """
    values, contents = read_json(own.model() / "model.json") | dict(further), {}
    for network, entry in values["networks"].items():
        if network in networks:
            content = safetensors.numpy.save({name: np.asarray(leaf) for name, leaf in networks[network].items()})
        else:
            content = _read_network(own.model() / Path(entry["file"]).name)
        sha256 = hashlib.sha256(content).hexdigest()
        entry |= {"file": f"{network}-{values['step']:06d}-{sha256[:8]}.safetensors", "sha256": sha256}
        contents[entry["file"]] = content
    return ModelFiles(values, contents)


def write_files(files: ModelFiles, out: RunFolder) -> None:
    """Writes the files of a stage's model into its folder of another run."""
    place = out.model()
    place.mkdir(parents=True)
    for name, content in files.networks.items():
        write_bytes(place / name, content)
    write_json(place / "model.json", files.values)


def _read_network(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}). Resume or repeat the run.") from None
