"""A set of images with what is known of each: the one shape in which every source hands its images over."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from genjax.errors import InputError

IN_MEMORY = 1 << 30  # bytes of uint8 images up to which a set is decoded once and kept
CHUNK = 1024  # images decoded at a time where all of a lazy set are visited
FEW_SHOT_STREAM = 0xFE5  # keeps the choice of shots apart from whatever else is drawn from the same seed


@dataclass(frozen=True, eq=False)
class LazyImages:
    """Images that are decoded when they are indexed, for sets too large for memory.

    Attributes:
        read: the uint8 image (size, size, channels) of a number.
        numbers: (n,), what `read` is called with for each image of this set.
        shape: (n, size, size, channels).
    """

    read: Callable[[int], np.ndarray]
    numbers: np.ndarray
    shape: tuple[int, int, int, int]

    def __len__(self) -> int:
        """How many images there are."""
        return self.shape[0]

    @property
    def fits(self) -> bool:
        """Whether they may all be decoded and kept (`IN_MEMORY`)."""
        return math.prod(self.shape) <= IN_MEMORY

    def __getitem__(self, indices: Any) -> np.ndarray:
        """The images at an integer array of indices (m,), or at a slice: uint8 (m, size, size, channels)."""
        numbers = self.numbers[indices]
        images = np.empty((len(numbers), *self.shape[1:]), np.uint8)
        for row, number in enumerate(numbers):
            images[row] = self.read(int(number))
        return images

    def take(self, indices: np.ndarray) -> "np.ndarray | LazyImages":
        """Some of the images; decoded at once where they are few."""
        numbers = self.numbers[indices]
        return decoded(LazyImages(self.read, numbers, (len(numbers), *self.shape[1:])))


def decoded(images: LazyImages) -> np.ndarray | LazyImages:
    """The images in memory where they fit, otherwise as they are."""
    return images[:] if images.fits else images


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and what is known of them, in the same order.

    Attributes:
        name: as it was asked for, such as ``glyphs:letters``.
        split: ``train``, ``test`` (held out) or ``all``.
        images: uint8 (n, size, size, channels), or an object that decodes these when indexed.
        labels: int32 (n,), indices into `class_names`; None where there are no classes.
        class_names: () where there are no classes.
        factors: of each image what it was made from, by name, each (n,); {} where that is unknown.
        captions: one sentence an image; () without.
    """

    name: str
    split: str
    images: np.ndarray | LazyImages
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    factors: dict[str, np.ndarray] = field(default_factory=dict)
    captions: tuple[str, ...] = ()

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.images)

    def take(self, indices: Any) -> "Dataset":
        """The images at these indices (an integer array or list), in that order, with all that is known of them."""
        indices = np.asarray(indices, np.int64)
        lazy = isinstance(self.images, LazyImages)
        return replace(
            self,
            images=self.images.take(indices) if lazy else self.images[indices],
            labels=None if self.labels is None else self.labels[indices],
            factors={name: values[indices] for name, values in self.factors.items()},
            captions=tuple(self.captions[i] for i in indices) if self.captions else (),
        )

    def content_hash(self) -> str:
        """The sha256 (64 hexadecimal digits) of shape, pixels and labels: equal for equal data, wherever it lies."""
        digest = hashlib.sha256(repr(tuple(int(extent) for extent in self.images.shape)).encode())
        for start in range(0, len(self), CHUNK):
            digest.update(np.ascontiguousarray(self.images[start : start + CHUNK]).tobytes())
        if self.labels is not None:
            digest.update(b"labels" + self.labels.astype("<i4").tobytes())
        return digest.hexdigest()


def few_shot(dataset: Dataset, shots: int, seed: int = 0, *, stratify: bool = True) -> Dataset:
    """`shots` images of a set, in the order of the set.

    Args:
        dataset: to choose from.
        shots: how many images in all, 1 or more.
        seed: of the choice.
        stratify: where there are labels, the same number of each class of which there is an image. What does not divide
            goes to classes that the seed chooses: 15 shots of 10 classes are two of five and one of five.
    Raises:
        InputError: more shots than there are images, in the set or in a class.
    """
    if shots < 1:
        raise InputError(f"--shots {shots} asks for no image. Use 1 or more.")
    if shots > len(dataset):
        raise InputError(
            f"--shots {shots} is more than {dataset.name} has in its split {dataset.split!r}"
            f" ({len(dataset)} images). Use --shots {len(dataset)} or fewer."
        )
    rng = np.random.default_rng((seed, FEW_SHOT_STREAM))
    if stratify and dataset.labels is not None:
        chosen = _of_each_class(dataset, dataset.labels, shots, rng)
    else:
        chosen = rng.permutation(len(dataset))[:shots]
    return dataset.take(np.sort(chosen))


def _of_each_class(dataset: Dataset, labels: np.ndarray, shots: int, rng: np.random.Generator) -> np.ndarray:
    classes, have = np.unique(labels, return_counts=True)  # a group of a set may hold some of its classes only
    quota = np.full(len(classes), shots // len(classes))
    quota[rng.permutation(len(classes))[: shots % len(classes)]] += 1
    if np.any(quota > have):
        raise InputError(_too_few(dataset, shots, classes, have))
    parts = [rng.permutation(np.flatnonzero(labels == c))[:n] for c, n in zip(classes, quota, strict=True)]
    return np.concatenate(parts)


def _too_few(dataset: Dataset, shots: int, classes: np.ndarray, have: np.ndarray) -> str:
    rarest = int(np.argmin(have))
    each = -(-shots // len(classes))
    most = len(classes) * int(have[rarest])
    part = {"train": "training", "test": "held-out", "all": "such"}[dataset.split]
    noun = "image" if have[rarest] == 1 else "images"
    return (
        f"--shots {shots} asks for {each} of each of {len(classes)} classes, but class"
        f' "{dataset.class_names[classes[rarest]]}" has {have[rarest]} {part} {noun}.'
        f" Use --shots {most} or fewer, or --no-stratify."
    )
