"""Features of images by a fixed network: the Extractor, images of any size through it, and its entry in the list."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from genjax.data.images import fit
from genjax.errors import InputError


@dataclass(frozen=True)
class Extractor:
    """A fixed network, and all that a record must say of it.

    Attributes:
        name: name of the network, which stands in the names of the metrics.
        version: version of how it is applied.
        sha256: hash of its weights file, in hex.
        dim: number of features of an image.
        size: height and width of the images that it reads, in pixels.
        resize: rule by which other sizes are brought to that one, in words.
        apply: function from what `prepare` returns to features (n, dim), compiled once for each shape.
        batch: images at a time.
        sets: number of networks whose features stand side by side in `dim`: a metric is measured on each and averaged.
        prepare: function from uint8 images of any size, grey or colour, to what `apply` reads; None gives uint8 squares
            of `size` in colour, by the project's one resize rule.
    """

    name: str
    version: str
    sha256: str
    dim: int
    size: int
    resize: str
    apply: Callable[[np.ndarray], Any]
    batch: int = 256
    sets: int = 1
    prepare: Callable[[np.ndarray], np.ndarray] | None = None


class ExtractorSpec(NamedTuple):
    """An extractor as its own file describes it, for the list in registry.py.

    Attributes:
        name: name by which it is asked for.
        build: function that loads the weights and compiles nothing yet; it gets the path if `takes_file`.
        summary: sentence for help texts and documentation.
        takes_file: True if the user has the weights file and names it, as in ``inception:PATH``.
    """

    name: str
    build: Callable[..., Extractor]
    summary: str
    takes_file: bool = False


def extract_features(extractor: Extractor, images: np.ndarray, *, batch: int | None = None) -> np.ndarray:
    """Computes the features of images of any size.

    Args:
        extractor: network of `load_extractor`.
        images: uint8 (n, height, width, channels), grey (1) or colour (3); grey is repeated to three channels.
        batch: images at a time, by default the extractor's own. The last batch is filled up, so that one shape is
            compiled.
    Returns:
        Features (n, dim), float64.
    Raises:
        InputError: images of another type or shape.
    """
    check_images(images)
    batch = batch or extractor.batch
    features = np.empty((len(images), extractor.dim))
    for start in range(0, len(images), batch):
        part = images[start : start + batch]
        part = extractor.prepare(part) if extractor.prepare else resized(part, extractor.size)
        # (batch, height, width, 3), the last batch filled up with black images
        filled = np.concatenate([part, np.zeros((batch - len(part), *part.shape[1:]), part.dtype)])
        features[start : start + batch] = np.asarray(extractor.apply(filled), np.float64)[: len(part)]
    return features


def feature_sets(extractor: Extractor, features: np.ndarray) -> list[np.ndarray]:
    """Splits features (n, dim) into those of each network of an extractor: `sets` arrays (n, dim / sets)."""
    return np.split(features, extractor.sets, axis=1)


def resized(images: np.ndarray, size: int) -> np.ndarray:
    """Brings uint8 images to colour squares (n, size, size, 3), by the project's one resize rule."""
    if images.shape[1:3] == (size, size):
        return with_colour(images)
    return np.stack([fit(image, size, 3) for image in images])


def with_colour(images: np.ndarray) -> np.ndarray:
    """Returns images with three channels: grey is repeated, without a copy."""
    return np.broadcast_to(images, (*images.shape[:3], 3))


def check_images(images: np.ndarray, which: str = "") -> None:
    """Raises InputError unless images are uint8 (n, height, width, 1 or 3); `which` names them in the message."""
    noun = f"{which} images".strip()
    if images.dtype != np.uint8:
        raise InputError(f"{noun} are {images.dtype}, expected uint8 from 0 to 255. Use genjax.data.to_uint8 first.")
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape:
        raise InputError(f"{noun} have the shape {images.shape}, expected (n, height, width, 1 or 3).")
