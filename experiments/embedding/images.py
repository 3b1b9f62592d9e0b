"""Labelled images that the embedding is trained on: handwritten digits and typeset glyphs, with what each shows."""

import itertools
from collections.abc import Iterable
from typing import NamedTuple

import jax
import numpy as np

from genjax.data import Dataset, load
from genjax.data.glyphs.drawing import COLOURS, VARIANTS
from genjax.data.glyphs.fonts import TRAIN_FONTS
from genjax.evaluate.features.extractor import resized
from genjax.models.features.embedding import SIZE

UNKNOWN = -1  # a label that an image does not have
VALUES = {  # what each head tells apart, in the order of its labels
    "glyph": VARIANTS["digits"] + VARIANTS["letters"],
    "origin": ("handwritten", "typeset"),
    "weight": ("regular", "bold"),
    "slant": ("upright", "italic"),
    "font": tuple(font.name for font in TRAIN_FONTS),
    "colour": tuple(COLOURS),
    "blur": (0, 2, 5),  # times that a 3x3 binomial filter is applied
    "noise": (0.0, 0.15, 0.4),  # standard deviation, of images in [-1, 1]
}
LABELS = ("glyph", "origin", "weight", "slant", "font", "colour")  # those that a set knows of its images
POSE = 2  # angle and size, read by one more head as numbers


class Labelled(NamedTuple):
    """Images with the labels that the heads learn."""

    images: np.ndarray  # (n, 32, 32, 3), uint8
    labels: dict[str, np.ndarray]  # {head: (n,)}, UNKNOWN where it does not apply
    pose: np.ndarray  # (n, 2), not a number where it is unknown


def training_images(glyphs: int, seed: int) -> tuple[Labelled, Labelled]:
    """Loads the handwritten and the typeset images, at both sizes."""
    written = [load("digits", size=size, channels=1) for size in (16, 32)]
    kinds = itertools.product(("glyphs", "glyphs:letters"), (16, 32), (1, 3))
    typeset = [
        load(spec, size=size, channels=channels, num=glyphs, seed=8 * seed + number)
        for number, (spec, size, channels) in enumerate(kinds)  # a seed each: no two kinds draw the same glyphs
    ]
    return joined([labelled(part) for part in written]), joined([labelled(part) for part in typeset])


def labelled(dataset: Dataset) -> Labelled:
    """Resizes a set and labels it for every head."""
    n, factors = len(dataset), dataset.factors
    images = resized(dataset.images[np.arange(n)], SIZE)
    names = {
        "glyph": np.array(dataset.class_names)[dataset.labels],
        "origin": np.full(n, "typeset" if factors else "handwritten"),
    } | {name: factors[name] for name in ("weight", "slant", "font") if factors}
    if factors and dataset.images.shape[-1] == 3:  # the ink of grey images has no name
        names["colour"] = factors["colour"]
    labels = {name: positions(VALUES[name], names.get(name, [""] * n)) for name in LABELS}
    pose = np.full((n, POSE), np.nan)
    if factors:
        pose = np.stack([factors["angle"] / 15, (factors["size"] - 0.75) / 0.15], axis=1)  # about -1 to 1
    return Labelled(images, labels, pose.astype(np.float32))


def positions(known: tuple, values: Iterable) -> np.ndarray:
    """Finds each value's place among the known ones; UNKNOWN for others, such as a held-out font."""
    places = {value: place for place, value in enumerate(known)}
    return np.array([places.get(str(value), UNKNOWN) for value in values])


def joined(parts: list[Labelled]) -> Labelled:
    """Concatenates sets."""
    return jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)


def take(part: Labelled, chosen: np.ndarray) -> Labelled:
    """Selects some of the images."""
    return jax.tree.map(lambda array: array[chosen], part)
