"""Loading sets for a model of text: those that have a caption for every image."""

from typing import Any

import numpy as np

from genjax.data.dataset import Dataset
from genjax.data.load import DATASETS, captions_help, load
from genjax.errors import InputError


def load_captioned(spec: str, *, captions: str = "require", **request: Any) -> Dataset:
    """Loads a set with its captions; `glyphs` and `digits` alone load their captioned variants.

    Args:
        spec: set to load, as in `genjax.data.load`.
        captions: what to do with images that have no caption: ``require`` refuses the set, ``drop`` leaves them out,
            ``empty`` gives them an empty one.
        request: further arguments of `genjax.data.load`: size, channels, split, num, seed, ...
    Returns:
        The set, with one caption for each image.
    Raises:
        InputError: no such set, or one in which an image has no caption.
    """
    return with_captions(load(captioned_spec(spec), captions=captions, **request), captions)


def captioned_spec(spec: str) -> str:
    """Replaces the plain name of a set by its captioned variant, where it has one: ``glyphs:captioned`` for ``glyphs``.

    Any other spec comes back unchanged: whoever names a variant gets it.
    """
    source = DATASETS.get(spec)
    return f"{spec}:{source.captioned_variant}" if source and source.captioned_variant else spec


def with_captions(dataset: Dataset, captions: str) -> Dataset:
    """Returns a set for a model of text: whole, or its images with a caption.

    Args:
        dataset: set with captions, of which some may be empty.
        captions: what to do with images that have none, as in `load_captioned`.
    Raises:
        InputError: the set has no captions, or has none for some of its images and they are required.
    """
    if captions == "drop" and len(dataset.captions) == len(dataset):
        dataset = dataset.take(captioned_places(dataset.captions))
    require_captions(dataset, empty=captions == "empty")
    return dataset


def captioned_places(captions: tuple[str, ...]) -> np.ndarray:
    """Returns the places of the captions that are not empty: int64, ascending."""
    return np.flatnonzero([bool(caption.strip()) for caption in captions])


def require_captions(dataset: Dataset, *, empty: bool = False) -> tuple[str, ...]:
    """Returns the captions of a set, one for each image.

    Args:
        dataset: set of images.
        empty: True accepts empty captions.
    Raises:
        InputError: the set has none, or has none for some of its images.
    """
    said = captioned_places(dataset.captions)
    if not dataset.captions or not (empty or len(said)):
        raise InputError(f"{dataset.name} has no captions. Use {captions_help()}.")
    if len(dataset.captions) != len(dataset) or not (empty or len(said) == len(dataset)):
        mute = np.setdiff1d(np.arange(len(dataset)), said)
        raise InputError(
            f"{dataset.name} has no caption for {len(mute)} of {len(dataset)} images, the first is image {mute[0]} of"
            f" its split {dataset.split!r}. Write one for each."
        )
    return dataset.captions
