"""inception: the features of the published FID, KID and Inception Score, from the weights file that a user has.

Only these may bear those names. The file is pt_inception-2015-12-05 (95,628,359 bytes), TensorFlow's network of that
day as PyTorch keeps it; genjax does not hand it out, and knows it by its sha256.
"""

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genjax.errors import InputError
from genjax.evaluate.features.extractor import Extractor, ExtractorSpec, with_colour
from genjax.evaluate.features.published import read_published
from genjax.evaluate.features.state_dict import folded, read_state_dict
from genjax.evaluate.records import INCEPTION_SHA256

if TYPE_CHECKING:
    import jax

EPSILON = 1e-3  # added to the variance in its batch norms
FILE = "pt_inception-2015-12-05-6726825d.pth"


def inception(path: str) -> Extractor:
    """Builds the network in the file `path`. (genjax/models/features/inception.py)

    Raises:
        InputError: no file was named, it cannot be read, or it is another one.
    """
    import jax  # here, so that comparing records or features that one has does not wait for it

    from genjax.models.features.inception import DIM, SIZE
    from genjax.tree import unflatten

    stored = parameters(read_inception(path))
    params = unflatten({name: jax.numpy.asarray(array) for name, array in stored.items()})
    return Extractor(
        name="inception",
        version="1",
        sha256=INCEPTION_SHA256,
        dim=DIM,
        size=SIZE,
        resize=f"the whole image, bilinear as TensorFlow 1 (corners aligned at the top left), to {SIZE} pixels;"
        " grey repeated to three channels",
        apply=functools.partial(jax.jit(apply_inception), params),
        batch=32,
        prepare=with_colour,
    )


SPEC = ExtractorSpec(
    "inception",
    inception,
    "Standard network of FID, KID and IS: inception:PATH, with its weights file.",
    takes_file=True,
)


def apply_inception(params: dict, images: "jax.Array") -> "jax.Array":
    """Computes features (n, 2048) of uint8 images (n, height, width, 3) of any size."""
    import jax

    from genjax.models.features.inception import SIZE, Inception

    resized = resize_like_tensorflow(images.astype(np.float32), SIZE)
    # Levels from 0 to 255 become numbers from -1 to 1.
    return jax.numpy.asarray(Inception().apply({"params": params}, (resized - 128) / 128))


def resize_like_tensorflow(images: "jax.Array", size: int) -> "jax.Array":
    """Resizes float images (n, height, width, channels) to squares of `size`, by TensorFlow 1's bilinear rule.

    Pixel i is taken at i * (old size / new size), without half a pixel's shift, and nothing is smoothed when images
    shrink. Other rules change the FID by more than models differ. (Parmar et al. 2022)
    """
    # x[i] = old[low] + (old[high] - old[low]) * part, along the width and then along the height
    low, high, part = _sources(images.shape[2], size)
    part = part[None, None, :, None]
    rows = images[:, :, low] + (images[:, :, high] - images[:, :, low]) * part
    low, high, part = _sources(images.shape[1], size)
    part = part[None, :, None, None]
    return rows[:, low] + (rows[:, high] - rows[:, low]) * part


def class_logits(path: str, features: np.ndarray) -> np.ndarray:
    """Computes logits (n, 1008) of the classes for features (n, 2048), without bias, as the Inception Score has them.

    Raises:
        InputError: the file cannot be read, or is another one.
    """
    # x W^T: the published score leaves the bias out
    return np.asarray(features, np.float64) @ read_inception(path)["fc.weight"].astype(np.float64).T


def read_inception(path: str) -> dict[str, np.ndarray]:
    """Reads the arrays of the file, by name.

    Raises:
        InputError: no file was named, it cannot be read, or it is another one.
    """
    advice = f"The file is {FILE}, with the sha256 {INCEPTION_SHA256[:12]}."
    if not path:
        raise InputError(f"the extractor inception needs its weights: inception:PATH. {advice}")
    return read_state_dict(read_published(Path(path).expanduser(), INCEPTION_SHA256, advice=advice))


def parameters(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Converts the arrays of the file to {name: parameter} of `Inception`, without its classifier."""
    ending = ".conv.weight"
    layers = [name.removesuffix(ending) for name in state if name.endswith(ending)]
    return {
        f"{layer.replace('.', '/')}/{part}": array
        for layer in layers
        for part, array in folded(state, f"{layer}.conv", f"{layer}.bn", EPSILON).items()
    }


def _sources(old: int, new: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns for each new position the two old ones around it, and the fraction of the way from first to second."""
    places = np.arange(new, dtype=np.float32) * np.float32(old / new)
    low = places.astype(np.int32)
    # The last old position has no next one, and is repeated.
    return low, np.minimum(low + 1, old - 1), places - low.astype(np.float32)
