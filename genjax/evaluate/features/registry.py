"""Features of images, by networks whose weights are fixed: what the metrics compare instead of pixels.

embedded-v1 comes with genjax: a small network trained on handwritten digits and on typeset digits and capitals (see
experiments/embedding/train_embedding.py). It is made for pictures of that kind, and knows nothing of photographs. For those there
are efflite0, and the standard Inception where a user has its file; random-v1 was trained on nothing.
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
        apply: what `prepare` gives -> features (n, dim), compiled once for each shape.
        batch: images at a time.
        sets: networks whose features stand side by side in `dim`: a metric is measured on each and averaged.
        prepare: uint8 images of any size, grey or colour -> what `apply` reads; without it, uint8 squares of `size` in
            colour, by the project's one resize rule.
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


@functools.cache  # the weights never change, and a network compiled twice would be the slowest part of an evaluation
def load_extractor(name: str = "embedded-v1") -> Extractor:
    """The extractor of that name, ready to use.

    Args:
        name: of `EXTRACTORS`; for inception with its weights file, as in ``inception:~/pt_inception-2015-12-05.pth``.
    Raises:
        InputError: no such extractor, or a weights file that is missing or not the one that belongs to it.
    """
    kind, colon, path = name.partition(":")
    build = lookup(EXTRACTORS, kind, "extractor")
    if kind == "inception":
        return build(path)
    if colon:
        raise InputError(f"the extractor {kind} has weights of its own, and takes no file. Use {kind} alone.")
    return build()


def extract_features(extractor: Extractor, images: np.ndarray, *, batch: int | None = None) -> np.ndarray:
    """The features of images of any size.

    Args:
        extractor: of `load_extractor`.
        images: uint8 (n, height, width, channels), grey (1) or colour (3); grey is repeated to three channels.
        batch: images at a time, by default the extractor's own. The last batch is filled up, so that one shape is
            compiled.
    Returns:
        float64 (n, dim).
    Raises:
        InputError: images of another type or shape.
    """
    check_images(images)
    batch = batch or extractor.batch
    features = np.empty((len(images), extractor.dim))
    for start in range(0, len(images), batch):
        part = images[start : start + batch]
        part = extractor.prepare(part) if extractor.prepare else resized(part, extractor.size)
        filled = np.concatenate([part, np.zeros((batch - len(part), *part.shape[1:]), part.dtype)])
        features[start : start + batch] = np.asarray(extractor.apply(filled), np.float64)[: len(part)]
    return features


def feature_sets(extractor: Extractor, features: np.ndarray) -> list[np.ndarray]:
    """The features of each network of an extractor: `sets` arrays (n, dim / sets)."""
    return np.split(features, extractor.sets, axis=1)


def resized(images: np.ndarray, size: int) -> np.ndarray:
    """uint8 images as colour squares of `size`, by the project's one resize rule: (n, size, size, 3)."""
    if images.shape[1:3] == (size, size):
        return with_colour(images)
    return np.stack([fit(image, size, 3) for image in images])


def with_colour(images: np.ndarray) -> np.ndarray:
    """Images with three channels: grey is repeated."""
    return np.broadcast_to(images, (*images.shape[:3], 3))


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

    content = read_published(path, sha256, advice="Install genjax again.")
    return {name: array.astype(np.float32) for name, array in safetensors.numpy.load(content).items()}


def read_published(path: Path, sha256: str, *, advice: str) -> bytes:
    """What is in a weights file, if it is the one that was published.

    Args:
        path: of the file.
        sha256: of its content.
        advice: what to do otherwise, a sentence.
    Raises:
        InputError: the file is missing, or another one.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"the weights {path} cannot be read ({error.strerror}). {advice}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise InputError(
            f"the weights {path} are not those of this extractor: sha256 {found[:12]}, expected {sha256[:12]}."
            f" Features of other weights cannot be compared. {advice}"
        )
    return content


def embedded_v1() -> Extractor:
    """The network that comes with genjax. (genjax/models/embedding.py)"""
    import jax  # here, so that comparing records or features that one has does not wait for it

    from genjax.models.embedding import DIM, SIZE, Embedding
    from genjax.tree import unflatten

    stored = read_weights(WEIGHTS / "embedded-v1.safetensors", EMBEDDED_V1_SHA256)
    params = unflatten({name: jax.numpy.asarray(array) for name, array in stored.items()})
    network = jax.jit(lambda params, images: Embedding().apply({"params": params}, to_float(images)))
    return Extractor(
        name="embedded-v1",
        version="1",
        sha256=EMBEDDED_V1_SHA256,
        dim=DIM,
        size=SIZE,
        resize=f"{RESIZE_RULE}, to {SIZE} pixels; grey repeated to three channels",
        apply=functools.partial(network, params),
    )


def random_v1() -> Extractor:
    """Three untrained networks. (genjax/evaluate/random_features.py)"""
    from genjax.evaluate.features import random as random_features

    return random_features.random_v1()


def efflite0() -> Extractor:
    """EfficientNet-Lite0, trained on ImageNet, of the extra `efflite`. (genjax/evaluate/efflite.py)"""
    from genjax.evaluate.features import efflite

    return efflite.efflite0()


def inception(path: str) -> Extractor:
    """The standard Inception network, from a file. (genjax/evaluate/inception.py)"""
    from genjax.evaluate.features import inception  # its module starts jax

    return inception.inception(path)


EXTRACTORS: dict[str, Callable[..., Extractor]] = {
    "embedded-v1": embedded_v1,
    "random-v1": random_v1,
    "efflite0": efflite0,
    "inception": inception,
}
