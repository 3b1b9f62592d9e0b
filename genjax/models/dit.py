"""A transformer over the patches of a noisy image, modulated by its noise level and its class. (Peebles & Xie 2023)

Each block's normalised activations are scaled and shifted, and what it adds is scaled, by six vectors that a linear
layer makes of noise level and class (adaLN-Zero). That layer begins at zero, and so every block as the identity.
A caption comes as further tokens in front of the patches.

Activations are (tokens of all images, width) between the blocks, see `genjax.models.transformer`.
"""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array, lax
from jax.typing import DTypeLike
from jaxtyping import Float, Int

from genjax.models.noise_level import HIGHEST, SLOW, NoiseLevel, span_vector
from genjax.models.segments import Segment
from genjax.models.transformer import INITIAL_DEVIATION, Embedding, attend

MLP_RATIO = 4  # width of a block's hidden layer, in widths


class DitBlock(nn.Module):
    """Attention, then a perceptron of one hidden layer, each modulated and added to its input.

    Parameters: `modulation`, `qkv`, `out`, `expand`, `contract`.
    """

    heads: int
    dtype: DTypeLike

    @nn.compact
    def __call__(self, hidden: Float[Array, "nm w"], level: Float[Array, "n w"]) -> Float[Array, "nm w"]:
        """Applies the block.

        Args:
            hidden: activations (n * m, width) of n images of m tokens.
            level: of noise and class, (n, width).
        """
        width, n = hidden.shape[-1], len(level)
        shift_1, scale_1, gate_1, shift_2, scale_2, gate_2 = modulation(level, 6, self.dtype, "modulation")
        # x = x + g1 attention(LN(x) (1 + s1) + b1)
        qkv = linear(3 * width, self.dtype, "qkv")(modulated(hidden, shift_1, scale_1))
        parts = qkv.reshape(n, -1, 3, self.heads, width // self.heads)
        queries, keys, values = (parts[:, :, one].swapaxes(1, 2) for one in range(3))  # (n, heads, m, d) each
        mixed = attend(queries, keys, values).swapaxes(1, 2).reshape(-1, width)
        hidden = hidden + gated(linear(width, self.dtype, "out")(mixed), gate_1)
        # x = x + g2 mlp(LN(x) (1 + s2) + b2)
        wide = linear(MLP_RATIO * width, self.dtype, "expand")(modulated(hidden, shift_2, scale_2))
        return hidden + gated(linear(width, self.dtype, "contract")(nn.gelu(wide)), gate_2)


def linear(features: int, dtype: DTypeLike, name: str) -> nn.Dense:
    """Makes a linear layer that begins as DiT's do."""
    return nn.Dense(features, dtype=dtype, kernel_init=nn.initializers.xavier_uniform(), name=name)


def modulation(level: Array, parts: int, dtype: DTypeLike, name: str) -> list[Array]:
    """Makes vectors (n, width) of a level (n, width) by a linear layer that begins at zero."""
    layer = nn.Dense(parts * level.shape[-1], dtype=dtype, kernel_init=nn.initializers.zeros, name=name)
    return jnp.split(layer(nn.silu(level)), parts, axis=-1)


def modulated(hidden: Array, shift: Array, scale: Array) -> Array:
    """Normalises tokens (n * m, width), without parameters, then scales and shifts those of each image."""
    values = hidden.astype(jnp.float32)
    centred = values - values.mean(axis=-1, keepdims=True)
    normed = centred * lax.rsqrt(jnp.square(centred).mean(axis=-1, keepdims=True) + 1e-6)
    per_image = normed.astype(hidden.dtype).reshape(len(shift), -1, hidden.shape[-1])
    return (per_image * (1 + scale[:, None]) + shift[:, None]).reshape(hidden.shape)


def gated(added: Array, gate: Array) -> Array:
    """Scales what a block adds (n * m, width) by a vector of each image (n, width)."""
    return (added.reshape(len(gate), -1, added.shape[-1]) * gate[:, None]).reshape(added.shape)


class Dit(nn.Module):
    """Maps a noisy image and its noise level to an image-like output, zero at first.

    Parameters: `patch`, `row`, `column`, `level`, `block_0`, ..., `final_modulation`, `head`; `class` where there are
    classes, whose last row stands for none; `style` where there are styles, whose first row does; `caption` where there
    are texts; `span` where there are two times.
    """

    channels: int
    patch_size: int = 4
    width: int = 128
    depth: int = 8
    heads: int = 4
    classes: int = 0  # 0 is without
    styles: int = 0  # of the classes; 0 is without
    text: Segment | None = None
    remat: bool = False  # compute a block again in its gradient instead of keeping what it needs
    two_times: bool = False  # the level is told the span of time to an earlier one as well
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self,
        images: Float[Array, "n h w c"],
        levels: Float[Array, " n"],
        condition: Int[Array, "n ..."] | None = None,
        spans: Float[Array, " n"] | None = None,
    ) -> Float[Array, "n h w {self.channels}"]:
        """Computes the output, float32.

        Args:
            images: noisy images.
            levels: their noise levels, of any range near [-2, 2].
            condition: classes (n,), of which `classes` is none, or these with
                styles (n, 2), of which 0 is none; or tokens of a text (n, length); None for a network without either.
            spans: of time, in [0, 1], of a network with two times; None is 0.
        """
        n, size, patch = len(images), images.shape[1], self.patch_size
        grid, normal = size // patch, nn.initializers.normal(INITIAL_DEVIATION)
        pieces = images.reshape(n, grid, patch, grid, patch, -1).swapaxes(2, 3).reshape(n * grid**2, -1)
        tokens = linear(self.width, self.dtype, "patch")(pieces.astype(self.dtype))
        places = (
            self.param("row", normal, (grid, self.width))[:, None]
            + self.param("column", normal, (grid, self.width))[None]
        ).reshape(1, grid**2, self.width)
        hidden = tokens.reshape(n, grid**2, self.width) + places.astype(self.dtype)
        level = NoiseLevel(self.width, self.dtype, SLOW if self.two_times else HIGHEST, name="level")(levels)
        if self.two_times:
            level = level + span_vector(jnp.zeros_like(levels) if spans is None else spans, self.width, self.dtype)
        if self.classes and condition is not None:
            table = nn.Embed(self.classes + 1, self.width, embedding_init=normal, dtype=self.dtype, name="class")
            level = level + table(condition[:, 0] if self.styles else condition)
        if self.styles and condition is not None:
            table = nn.Embed(self.styles + 1, self.width, embedding_init=normal, dtype=self.dtype, name="style")
            level = level + table(condition[:, 1])
        if self.text is not None and condition is not None:
            words = Embedding(self.text, self.width, self.dtype, name="caption")(condition)
            hidden = jnp.concatenate([words, hidden], axis=1)  # (n, length + patches, width)
        length = hidden.shape[1]
        hidden = hidden.reshape(n * length, self.width)
        block = nn.remat(DitBlock) if self.remat else DitBlock
        for index in range(self.depth):
            hidden = block(self.heads, self.dtype, name=f"block_{index}")(hidden, level)
        hidden = hidden.reshape(n, length, self.width)[:, length - grid**2 :].reshape(n * grid**2, self.width)
        shift, scale = modulation(level, 2, self.dtype, "final_modulation")
        made = nn.Dense(patch**2 * self.channels, dtype=self.dtype, kernel_init=nn.initializers.zeros, name="head")(
            modulated(hidden, shift, scale)
        )
        made = made.reshape(n, grid, grid, patch, patch, self.channels).swapaxes(2, 3)
        return made.reshape(n, size, size, self.channels).astype(jnp.float32)
