"""A reader of characters: which one an image shows, and in what style it is drawn.

It was trained by experiments/fonts/train_reader.py on the training families of `fonts`. Both answers come from one
stack of convolutions: the character from all of it, the style from features that tell faces apart whatever the
character is.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

SIZE = 32  # height and width of its input
WIDTHS = (32, 64, 128)
STYLE = 64  # numbers of a style


class Reading(NamedTuple):
    """The answer to images.

    Attributes:
        characters: logits (n, characters).
        content: features (n, 128) that they are read from.
        style: features (n, 64), of length 1.
    """

    characters: jax.Array
    content: jax.Array
    style: jax.Array


class GlyphReader(nn.Module):
    """Maps images to a `Reading`.

    Parameters: `conv_0`, ..., `conv_2`, `norm_0`, ..., `content`, `character`, `style`.
    """

    characters: int

    @nn.compact
    def __call__(self, images: Float[Array, "n 32 32 1"]) -> Reading:
        """Reads images in [-1, 1]."""
        hidden = images
        for number, width in enumerate(WIDTHS):
            convolution = nn.Conv(width, (3, 3), (2, 2), precision="highest", name=f"conv_{number}")
            hidden = nn.relu(nn.GroupNorm(8, name=f"norm_{number}")(convolution(hidden)))
        flat = hidden.reshape(len(hidden), -1)
        content = nn.relu(nn.Dense(128, precision="highest", name="content")(flat))
        style = nn.Dense(STYLE, precision="highest", name="style")(hidden.mean(axis=(1, 2)))
        length = jnp.linalg.norm(style, axis=-1, keepdims=True)
        return Reading(
            nn.Dense(self.characters, precision="highest", name="character")(content),
            content,
            style / jnp.maximum(length, 1e-6),
        )
