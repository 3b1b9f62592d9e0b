"""`Dataset`: images with labels, factors and captions, as every source returns them; and few-shot selection."""

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from genjax.errors import InputError

IN_MEMORY = 1 << 30  # bytes of uint8 images up to which a set is decoded once and kept
CHUNK = 1024  # images decoded at a time when a lazy set is hashed
FEW_SHOT_STREAM = 0xFE5  # keeps the choice of shots independent of other draws from the same seed


@dataclass(frozen=True, eq=False)
class LazyImages:
    """Images that are decoded when they are indexed, for sets too large for memory.

    Attributes:
        read: function number -> uint8 image (size, size, channels).
        numbers: (n,), argument of `read` for each image.
        shape: (n, size, size, channels).
    """

    read: Callable[[int], np.ndarray]
    numbers: np.ndarray
    shape: tuple[int, int, int, int]

    def __len__(self) -> int:
        """Returns the number of images."""
        return self.shape[0]

    @property
    def fits(self) -> bool:
        """Returns whether all images may be decoded and kept (`IN_MEMORY`)."""
        return math.prod(self.shape) <= IN_MEMORY

    def __getitem__(self, indices: Any) -> np.ndarray:
        """Decodes the images at an integer array of indices (m,), or at a slice: uint8 (m, size, size, channels)."""
        numbers = self.numbers[indices]
        images = np.empty((len(numbers), *self.shape[1:]), np.uint8)
        for row, number in enumerate(numbers):
            images[row] = self.read(int(number))
        return images

    def take(self, indices: np.ndarray) -> "np.ndarray | LazyImages":
        """Selects images by index; they are decoded at once if they fit into memory."""
        numbers = self.numbers[indices]
        return decoded(LazyImages(self.read, numbers, (len(numbers), *self.shape[1:])))


def decoded(images: LazyImages) -> np.ndarray | LazyImages:
    """Decodes all images if they fit into memory; otherwise they stay lazy."""
    return images[:] if images.fits else images


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images with their labels, factors and captions, all in one order.

    Attributes:
        name: spec that was loaded, such as ``glyphs:letters``.
        split: ``train``, ``test`` (held out) or ``all``.
        images: uint8 (n, size, size, channels), or an object that decodes these when indexed.
        labels: int32 (n,), indices into `class_names`; None without classes.
        class_names: names of the classes; () without classes.
        factors: true generative factors by name, numbers or words, each (n,); {} where they are unknown.
        captions: one sentence for each image; () without captions.
        whole: number of images that all parts of the set have; 0 where it is not known.
        left_out: {path: reason} of the files of the set that are none of these images.
    """

    name: str
    split: str
    images: np.ndarray | LazyImages
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    factors: dict[str, np.ndarray] = field(default_factory=dict)
    captions: tuple[str, ...] = ()
    whole: int = 0
    left_out: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Returns the number of images."""
        return len(self.images)

    @property
    def classes_in_words(self) -> str:
        """Returns ``1 class`` or ``10 classes``; "" without classes."""
        number = len(self.class_names)
        return f"{number} {'class' if number == 1 else 'classes'}" if number else ""

    def take(self, indices: Any) -> "Dataset":
        """Selects images, with their labels, factors and captions.

        Args:
            indices: integer array or list (m,); the result has its order.
        """
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
        """Computes the sha256 of shape, pixels and labels, 64 hexadecimal digits.

        Equal data have equal hashes on every machine and under every path.
        """
        digest = hashlib.sha256(repr(tuple(int(extent) for extent in self.images.shape)).encode())
        for start in range(0, len(self), CHUNK):
            digest.update(np.ascontiguousarray(self.images[start : start + CHUNK]).tobytes())
        if self.labels is not None:
            digest.update(b"labels" + self.labels.astype("<i4").tobytes())
        return digest.hexdigest()


def indexed(labels: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Numbers the labels that occur from 0: int32 (n,), and the labels as names. Labels 1 and 10 are two classes."""
    found, numbers = np.unique(labels, return_inverse=True)
    return numbers.astype(np.int32), tuple(str(label) for label in found)


def spread_out(images: Dataset, most: int) -> Dataset:
    """Takes at most `most` images, from all over a set that may be sorted."""
    return images.take(np.unique(np.linspace(0, len(images) - 1, min(most, len(images))).round()))


def few_shot(dataset: Dataset, shots: int, seed: int = 0, *, stratify: bool = True) -> Dataset:
    """Selects `shots` images of a set at random, in the order of the set.

    Args:
        dataset: set to choose from.
        shots: number of images in all, 1 or more.
        seed: seed of the choice.
        stratify: True takes equally many of each class that has an image, if there are labels. The remainder goes to
            classes that have more, which the seed chooses: 15 shots of 10 classes are two of five and one of the rest.
    Returns:
        A set of `shots` images.
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
    quota, order = np.full(len(classes), shots // len(classes)), rng.permutation(len(classes))
    quota[order[have[order] > quota[0]][: shots % len(classes)]] += 1
    if quota.sum() < shots or np.any(quota > have):
        raise InputError(_too_few(dataset, shots, classes, have))
    parts = [rng.permutation(np.flatnonzero(labels == c))[:n] for c, n in zip(classes, quota, strict=True)]
    return np.concatenate(parts)


def _too_few(dataset: Dataset, shots: int, classes: np.ndarray, have: np.ndarray) -> str:
    rarest = int(np.argmin(have))
    each = f"{shots // len(classes)} or {shots // len(classes) + 1}" if shots % len(classes) else shots // len(classes)
    most = len(classes) * int(have[rarest]) + int(np.sum(have > have[rarest]))
    part = {"train": "training", "test": "held-out", "all": "such"}[dataset.split]
    noun = "image" if have[rarest] == 1 else "images"
    return (
        f"--shots {shots} asks for {each} of each of {len(classes)} classes, but class"
        f' "{dataset.class_names[classes[rarest]]}" has {have[rarest]} {part} {noun}.'
        f" Use --shots {most} or fewer, or --no-stratify."
    )
