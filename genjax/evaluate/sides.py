"""The two sides of a comparison, a run or a set of images, and the size and channels in which both are compared."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from genjax.config.run import AdaptConfig, ImportConfig, TrainConfig, check_captions
from genjax.data import Dataset, load
from genjax.data.large_images import MAX_PIXELS
from genjax.data.reading_options import Missing, ReadingOptions
from genjax.data.request import SIZES, subset
from genjax.data.sources.npz import read_npz
from genjax.errors import InputError
from genjax.evaluate.features.extractor import Extractor, with_colour
from genjax.families.model import ModelConfig
from genjax.families.registry import FAMILIES
from genjax.store.description import read_model_config
from genjax.store.run_config import run_config
from genjax.store.run_folder import RunFolder
from genjax.terminal import say, warn
from genjax.zoo.cards import run_named

USUAL_SIZE = 32  # height and width, where neither side says any


class Side(NamedTuple):
    """One side of a comparison.

    Attributes:
        spec: as it was typed.
        run: folder of a run; None for a set of images.
        model: config of the run's model; None for a set.
        own: height and width of the images of a run or an .npz; None for a set that is brought to any size.
        channels: channels of the run's images; 0 for a set.
    """

    spec: str
    run: Path | None = None
    model: ModelConfig | None = None
    own: tuple[int, int] | None = None
    channels: int = 0

    @classmethod
    def of(cls, spec: str, which: str) -> "Side":
        """Reads what a spec states of itself."""
        if spec.startswith("run:"):
            run = run_named(spec.removeprefix("run:"))
            model = read_model_config(run, which=which)
            return cls(spec, run, model, (model.size, model.size), model.channels)
        if spec.startswith("npz:"):
            height, width = read_npz(Path(spec.removeprefix("npz:")).expanduser(), spec).images.shape[1:3]
            return cls(spec, own=(height, width))
        return cls(spec)


def common_size(judged: Side, truth: Side, asked: int) -> int:
    """Returns the size to which both sides are brought; 0 for two .npz, which are compared as they are.

    Args:
        judged: generated side, whose own size comes first.
        truth: real side.
        asked: value of --size; 0 for none.
    Raises:
        InputError: an .npz of a size to which the other side cannot be brought.
    """
    owners = [side for side in (judged, truth) if side.own]
    if len(owners) == 2 and not any(side.run for side in owners) and asked in (0, *(judged.own or ())[:1]):
        return 0
    if asked or not owners:
        return asked or USUAL_SIZE
    first = next((side for side in owners if side.run), owners[0])
    height, width = first.own or (0, 0)
    if height != width or height not in SIZES:
        other = truth if first is judged else judged
        raise InputError(
            f"{first.spec} holds images of {height}x{width}, and {other.spec} cannot be brought to that."
            " Write both as .npz of one size, or as PNG files: folder:PATH resizes them."
        )
    return height


def generated_set(
    spec: str, num: int, *, size: int, seed: int, skip_broken: bool, max_pixels: int = MAX_PIXELS
) -> np.ndarray:
    """Loads the images of a set on the generated side: all, or `num` of them that the seed chooses.

    Raises:
        InputError: a set that cannot be used, or more images than it has.
    """
    images = load(
        spec, size=size, split="all", seed=seed, skip_broken=skip_broken, max_pixels=max_pixels, captions="unneeded"
    )
    if num > len(images):
        raise InputError(f"--num {num} is more than {spec} has ({len(images)} images). Use {len(images)} or fewer.")
    return (images.take(subset(np.arange(len(images)), num, seed)) if num else images).images[:]


def reading_of(
    judged: Side, real: str, *, skip_broken: bool, captions: Missing | None, max_pixels: int | None = None
) -> ReadingOptions:
    """Returns how the real set is read: as a run has read it in training, if it is that run's, and as is asked for.

    Raises:
        InputError: an option on captions where nothing reads them.
    """
    options = ReadingOptions()
    if judged.run is not None:
        config = run_config(RunFolder(judged.run))
        if not isinstance(config, ImportConfig) and _place(config.data) == _place(real):
            options = ReadingOptions(**config.reading)
    if captions is not None:
        if judged.model is None:
            raise InputError(f"--captions {captions} does nothing for {judged.spec}, a set of images. Leave it out.")
        check_captions(captions, FAMILIES[judged.model.family], judged.model.condition.kind)
    return replace(
        options,
        skip_broken=skip_broken or options.skip_broken,
        captions=captions or options.captions,
        max_pixels=options.max_pixels if max_pixels is None else max_pixels,
    )


def alike(images: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns {name: images} with as many channels as those that have most: grey is repeated, so no colour is lost."""
    channels = {one.shape[-1] for one in images.values()}
    return {name: with_colour(one) if len(channels) > 1 else one for name, one in images.items()}


def check_held_out(judged: Side, real: str, split: str) -> None:
    """Raises InputError where images were trained on that are asked for as held out."""
    if judged.run is None or split != "test":
        return
    config = run_config(RunFolder(judged.run))
    if isinstance(config, TrainConfig) and config.split == "all" and _place(config.data) == _place(real):
        raise InputError(
            f"{judged.run} was trained on all images of {real} (--split all), so that none is held out."
            " Use --split all to compare it with what it was trained on, or --data with other images."
        )


def named_shots(judged: Side, real: str) -> AdaptConfig | None:
    """Returns how a run was adapted to classes by name, of the set that it is judged by; None for all others.

    Such a run is judged by the other classes: it was trained on all images of those that were named.
    """
    config = None if judged.run is None else run_config(RunFolder(judged.run))
    by_name = isinstance(config, AdaptConfig) and config.shots_of and _place(config.data) == _place(real)
    return config if by_name and isinstance(config, AdaptConfig) else None


def _place(spec: str) -> tuple[str, Any]:
    """Returns a set's source, and the path that it names however that is spelled."""
    name, _, argument = spec.partition(":")
    path = Path(argument).expanduser()
    return name, path.resolve() if argument and path.exists() else argument


def say_left_out(shown: Dataset) -> None:
    """Prints how many real images of a set are not compared, and how they would be."""
    if shown.whole > len(shown):
        say(
            f"{shown.name}: {len(shown)} of {shown.whole} images are compared, those of --split {shown.split}."
            " Use --split all for all of them, if nothing was trained on them."
        )


def warn_of_shape(shown: Dataset, network: Extractor) -> None:
    """Warns that images are no squares, and how the network brings them to one."""
    height, width = shown.images.shape[1:3]
    if height != width:
        warn(f"images of {height}x{width} are no squares. {network.name} sees of them: {network.resize}.")
