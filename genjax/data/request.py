"""The interface of a source of images: `Spec` describes it, `Request` is what it is asked for; and held-out splits."""

import hashlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np

from genjax.data.dataset import Dataset
from genjax.data.large_images import MAX_PIXELS, check_max_pixels
from genjax.data.reading_options import Missing, check_class_depth
from genjax.errors import InputError, did_you_mean
from genjax.limits import nearest

SIZES = (8, 16, 32, 64, 128, 256, 512, 1024)
SPLITS = ("train", "test", "all")
CAPTIONS = (*get_args(Missing), "unneeded")
HELD_OUT = 0.2  # fraction of a set that is held out, where the set itself does not say
SUBSET_STREAM = 0x5B5  # keeps the choice of a subset independent of other draws from the same seed


@dataclass(frozen=True)
class Request:
    """The options of `load` that every source answers, checked when built."""

    size: int = 16
    """Height and width of the images: a power of two from 8 to 1024; 0 keeps the size of the images of an .npz."""
    channels: int = 0
    """1 for grey, 3 for colour, 0 to keep what the images have."""
    split: str = "train"
    """train, test (held out) or all."""
    num: int = 0
    """Number of images; 0 takes all that the set has."""
    seed: int = 0
    """Seed of the choice of images where `num` is less than all, and of the drawing of glyphs."""
    skip_broken: bool = False
    """True leaves out files of a folder that cannot be read as images, instead of refusing the folder."""
    class_depth: int = 1
    """Folders that name the class of an image, from the set or its split on."""
    captions: str = "require"
    """Images of a folder without a caption, if others have one: require (refuse the set), drop, empty
    (leave theirs empty), or unneeded (leave out all captions)."""
    max_pixels: int = MAX_PIXELS
    """Pixels of the largest image that is decoded; larger ones are left out."""
    root: Path | None = None
    """Folder where relative paths begin; None is the working directory, for tfds its usual folder."""

    def __post_init__(self) -> None:
        """Raises InputError for values that no set could answer."""
        if self.size:
            check_size(self.size)
        if self.channels not in (0, 1, 3):
            raise InputError(f"--channels {self.channels}: expected 1 (grey), 3 (colour) or 0 (as the images are).")
        check_class_depth(self.class_depth)
        for option, given, known in (("split", self.split, SPLITS), ("--captions", self.captions, CAPTIONS)):
            if given not in known:
                raise InputError(f"unknown {option} {given!r}. {did_you_mean(given, list(known))}")
        for option, value in (("--num-images", self.num), ("--seed", self.seed)):
            if value < 0:
                raise InputError(f"{option} {value} is negative. Use 0 or more.")
        check_max_pixels(self.max_pixels)


class EmptySplitError(InputError):
    """A set has no image in the split that was asked for."""


class Spec(NamedTuple):
    """A source of images and its description, from which `load`, help and documents are made.

    Attributes:
        name: word that selects the source: ``folder`` in ``folder:PATH``.
        load: function (text after the colon or "", request) -> Dataset.
        forms: texts to type after `--data`, such as ``emoji`` and ``emoji:GROUP``.
        summary: one phrase on the images, for documents.
        captions: phrase to give where captions are needed, such as ``a folder with a captions.jsonl``; "" where the
            set never has any.
        captioned_variant: text after the colon that a model of text uses if only the name is given; "" for none.
        extra: optional dependencies of this package that the source needs, as pip names them; "" for none.
        keeps_size: True if the images can be had in their own size, for a request of size 0.
        has_folders: True if folders may name the classes.
    """

    name: str
    load: Callable[[str, Request], Dataset]
    forms: tuple[str, ...]
    summary: str
    captions: str = ""
    captioned_variant: str = ""
    extra: str = ""
    keeps_size: bool = False
    has_folders: bool = False


def held_out(names: Sequence[str]) -> np.ndarray:
    """Chooses the held-out images: the fifth of them, at least one, whose names have the lowest sha256.

    No seed is used: an image that one run has trained on must not be held out in another.

    Args:
        names: names of all images, n of them; a single image is not held out.
    Returns:
        bool (n,), True for held out.
    """
    if len(names) < 2:
        return np.zeros(len(names), bool)
    order = sorted(range(len(names)), key=lambda i: hashlib.sha256(names[i].encode(errors="surrogateescape")).digest())
    chosen = np.zeros(len(names), bool)
    chosen[order[: max(1, round(HELD_OUT * len(names)))]] = True
    return chosen


def choose(name: str, request: Request, in_test: np.ndarray) -> np.ndarray:
    """Chooses the images of a request: those of its split, and `num` of these at random.

    Args:
        name: name of the set, for messages.
        request: request, of which split, num and seed are read. With one seed, fewer images are a subset of more.
        in_test: bool (n,), True for held out.
    Returns:
        int64 indices, ascending.
    Raises:
        EmptySplitError: no image in that split.
        InputError: fewer images than requested.
    """
    members = {"train": ~in_test, "test": in_test, "all": np.ones_like(in_test)}[request.split]
    indices = np.flatnonzero(members)
    if not len(indices):
        raise EmptySplitError(
            f"{name} has no image in its split {request.split!r} ({len(in_test)} in all)."
            " Add images, or use the split 'all'."
        )
    check_num(name, request, len(indices))
    if not request.num:
        return indices
    return subset(indices, request.num, request.seed)


def subset(indices: np.ndarray, num: int, seed: int) -> np.ndarray:
    """Chooses `num` of the indices at random, in ascending order; with one seed, fewer are a subset of more."""
    rng = np.random.default_rng((seed, SUBSET_STREAM))
    return np.sort(rng.permutation(indices)[:num])


def check_num(name: str, request: Request, available: int) -> None:
    """Raises InputError if a request wants more images than the `available` ones."""
    if request.num > available:
        raise InputError(
            f"--num-images {request.num} is more than {name} has in its split {request.split!r}"
            f" ({available} images). Use {available} or fewer, or 0 for all."
        )


@lru_cache(maxsize=64)
def warn_of_grey(name: str, colourful: int, total: int) -> None:
    """Warns once that images in colour are read as grey: a run reads its set several times."""
    warnings.warn(
        f"{name}: {colourful} of {total} images are in colour, and are read as grey (1 channel)", stacklevel=4
    )


def check_size(size: int) -> None:
    """Raises InputError for a size to which images are not brought."""
    if size not in SIZES:
        reason = "is no power of two" if size < 1 or size & (size - 1) else f"is not from {SIZES[0]} to {SIZES[-1]}"
        raise InputError(f"--size {size} {reason}. Use {nearest(size, SIZES)}.")
