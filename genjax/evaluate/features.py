"""Features of images, by networks whose weights are fixed: what the metrics compare instead of pixels.

embedded-v1 comes with genjax: a small network trained on handwritten digits and on typeset digits and capitals (see
experiments/train_embedding.py). It is made for pictures of that kind, and knows nothing of photographs.
"""

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genjax.data.images import RESIZE_RULE, fit, to_float
from genjax.errors import InputError, lookup

WEIGHTS = Path(__file__).parent / "weights"
EMBEDDED_V1_SHA256 = "12d34f524b88c03a36d8d149b1985b7c8d9eacd3b9950f4693167376fe553823"


@dataclass(frozen=True)
class Extractor:
    """A fixed network, and all that a record must say of it.

    Attributes:
        name: of the network, which stands in the names of the metrics.
        version: of how it is applied.
        sha256: of its weights file, in hex.
        dim: features of an image.
        size: height and width of the images that it reads.
        resize: how other sizes are brought to that one, in words.
        apply: uint8 images (n, size, size, 3) -> features (n, dim), compiled once for each n.
    """

    name: str
    version: str
    sha256: str
    dim: int
    size: int
    resize: str
    apply: Callable[[np.ndarray], Any]


@functools.cache  # the weights never change, and a network compiled twice would be the slowest part of an evaluation
def load_extractor(name: str = "embedded-v1") -> Extractor:
    """The extractor of that name, ready to use.

    Raises:
        InputError: no such extractor, or a weights file that is missing or not the one that belongs to it.
    """
    return lookup(EXTRACTORS, name, "extractor")()


def extract_features(extractor: Extractor, images: np.ndarray, *, batch: int = 256) -> np.ndarray:
    """The features of images of any size.

    Args:
        extractor: of `load_extractor`.
        images: uint8 (n, height, width, channels), grey (1) or colour (3); grey is repeated to three channels.
        batch: images at a time. The last batch is filled up, so that one shape is compiled.
    Returns:
        float64 (n, dim).
    Raises:
        InputError: images of another type or shape.
    """
    check_images(images)
    features = np.empty((len(images), extractor.dim))
    for start in range(0, len(images), batch):
        part = resized(images[start : start + batch], extractor.size)
        filled = np.concatenate([part, np.zeros((batch - len(part), *part.shape[1:]), np.uint8)])
        features[start : start + batch] = np.asarray(extractor.apply(filled), np.float64)[: len(part)]
    return features


def resized(images: np.ndarray, size: int) -> np.ndarray:
    """uint8 images as colour squares of `size`, by the project's one resize rule: (n, size, size, 3)."""
    if images.shape[1:3] == (size, size):
        return np.broadcast_to(images, (*images.shape[:3], 3))
    return np.stack([fit(image, size, 3) for image in images])


def check_images(images: np.ndarray, which: str = "") -> None:
    """Raises InputError unless images are uint8 (n, height, width, 1 or 3)."""
    noun = f"{which} images".strip()
    if images.dtype != np.uint8:
        raise InputError(f"{noun} are {images.dtype}, expected uint8 from 0 to 255. Use genjax.data.to_uint8 first.")
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape:
        raise InputError(f"{noun} have the shape {images.shape}, expected (n, height, width, 1 or 3).")


def read_weights(path: Path, sha256: str) -> dict[str, np.ndarray]:
    """{name: float32 array} of a safetensors file, whose content must be the one that was published.

    Raises:
        InputError: the file is missing, or another one.
    """
    import safetensors.numpy

    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"the weights {path} cannot be read ({error.strerror}). Install genjax again.") from None
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise InputError(
            f"the weights {path} are not those of this extractor: sha256 {found[:12]}, expected {sha256[:12]}."
            " Features of other weights cannot be compared. Install genjax again."
        )
    return {name: array.astype(np.float32) for name, array in safetensors.numpy.load(content).items()}


def embedded_v1() -> Extractor:
    """The network that comes with genjax. (genjax/models/embedding.py)"""
    import jax  # here, so that comparing records or features that one has does not wait for it

    from genjax.models.embedding import DIM, SIZE, Embedding
    from genjax.tree import unflatten

    params = unflatten(read_weights(WEIGHTS / "embedded-v1.safetensors", EMBEDDED_V1_SHA256))
    network = jax.jit(lambda params, images: Embedding().apply({"params": params}, to_float(images)))
    return Extractor(
        name="embedded-v1",
        version="1",
        sha256=EMBEDDED_V1_SHA256,
        dim=DIM,
        size=SIZE,
        resize=f"{RESIZE_RULE}, to {SIZE} pixels; grey repeated to three channels",
        apply=functools.partial(network, jax.device_put(params)),
    )


EXTRACTORS = {"embedded-v1": embedded_v1}
