"""letters-v1: a reader of characters that comes with genjax, and judges drawn fonts.

It was trained on the training families of `fonts`. (experiments/fonts/train_reader.py)
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genjax.data.fonts.drawing import CHARACTERS
from genjax.data.images import fit, to_float
from genjax.evaluate.features.published import read_weights

WEIGHTS = Path(__file__).parent / "weights"
LETTERS_V1_SHA256 = "cf373ca5b6e84a69903b12ad1766451edd9c351e7f72f26950aaa5e98fe692ae"
CHUNK = 256


class Letters(NamedTuple):
    """The reader's answer to images.

    Attributes:
        character: number of the character that is read (n,).
        content: features (n, 128) of the character.
        style: features (n, 64) of how it is drawn.
    """

    character: np.ndarray
    content: np.ndarray
    style: np.ndarray


@functools.cache  # the weights never change, and a network compiled twice would be the slowest part
def letter_reader() -> Callable[[np.ndarray], Letters]:
    """Builds the reader: uint8 images (n, h, w, c) -> Letters.

    Raises:
        InputError: weights that are missing or are not those that belong to it.
    """
    import jax  # here, so that comparing records does not wait for it

    from genjax.models.features.glyph_reader import SIZE, GlyphReader
    from genjax.tree import unflatten

    stored = read_weights(WEIGHTS / "letters-v1.safetensors", LETTERS_V1_SHA256)
    params = unflatten({name: jax.numpy.asarray(array) for name, array in stored.items()})
    network = jax.jit(lambda params, images: GlyphReader(len(CHARACTERS)).apply({"params": params}, to_float(images)))

    def read(images: np.ndarray) -> Letters:
        fitted = np.stack([fit(image, SIZE, 1) for image in images])
        short = -len(fitted) % CHUNK  # full chunks, so that it is compiled once
        padded = np.concatenate([fitted, np.zeros((short, *fitted.shape[1:]), np.uint8)])
        parts = [network(params, padded[start : start + CHUNK]) for start in range(0, len(padded), CHUNK)]
        characters, content, style = (
            np.concatenate([np.asarray(part[field], np.float64) for part in parts])[: len(fitted)] for field in range(3)
        )
        return Letters(characters.argmax(axis=1), content, style)

    return read
