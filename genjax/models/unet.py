"""A U-Net over a noisy image, modulated by its noise level and its class: DDPM++ in EDM's form. (Karras et al. 2022)

Features go down to ever smaller sizes and up again, where each block also reads what a block of its size gave on the
way down. Halving is the mean of four pixels, doubling repeats one. The last convolution of every block begins at zero,
so that a block is at first its shortcut: the identity where it keeps size and width.

A caption is read twice: the mean of its words is added to the noise level, and where there is attention its words are
further keys and values.
"""

import math

import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float, Int

from genjax.models.group_norm import GroupNorm
from genjax.models.layers import resampled
from genjax.models.noise_level import HIGHEST, SLOW, NoiseLevel, span_vector
from genjax.models.segments import Segment
from genjax.models.transformer import INITIAL_DEVIATION, Embedding, attend

LEVEL_WIDTH = 4  # length of the vector of noise and class, in widths
HEAD_CHANNELS = 64  # of one head of the attention


class UnetBlock(nn.Module):
    """Two convolutions, between them the modulation, added to a shortcut; then attention where it is wanted.

    Parameters: `norm_0`, `conv_0`, `modulation`, `norm_1`, `conv_1`; `shortcut` where the width changes; `attention`.
    """

    features: int
    resample: str = ""  # "halve" or "double" the size
    attention: bool = False
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, images: Float[Array, "n h w c"], level: Float[Array, "n e"], words: Float[Array, "n m e"] | None = None
    ) -> Float[Array, "n _ _ {self.features}"]:
        """Applies the block.

        Args:
            images: features (n, h, w, c).
            level: of noise and class, (n, e).
            words: of a caption, read by the attention.
        """
        # h = conv_0(resample(silu(norm(x))))
        hidden = resampled(nn.silu(GroupNorm(self.dtype, name="norm_0")(images)), self.resample)
        hidden = convolution(self.features, self.dtype, "conv_0")(hidden)
        # h = conv_1(silu(norm(h) (1 + s) + b))
        scale, shift = jnp.split(linear(2 * self.features, self.dtype, "modulation")(nn.silu(level)), 2, -1)
        hidden = nn.silu(GroupNorm(self.dtype, name="norm_1")(hidden, scale, shift))
        hidden = convolution(self.features, self.dtype, "conv_1", zero=True)(hidden)
        images = resampled(images, self.resample)
        if images.shape[-1] != self.features:
            images = per_pixel(images, linear(self.features, self.dtype, "shortcut"))
        images = images + hidden
        return PixelAttention(self.dtype, name="attention")(images, words) if self.attention else images


class PixelAttention(nn.Module):
    """Adds to each pixel what it sees in all others, and in the words of a caption.

    Parameters: `norm`, `qkv`, `out`; `words` where there is a caption.
    """

    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, images: Float[Array, "n h w c"], words: Float[Array, "n m e"] | None = None
    ) -> Float[Array, "n h w c"]:
        """Applies attention to features, in heads of HEAD_CHANNELS."""
        n, h, w, c = images.shape
        d = HEAD_CHANNELS if c % HEAD_CHANNELS == 0 else c
        normed = GroupNorm(self.dtype, name="norm")(images).reshape(n * h * w, c)
        qkv = linear(3 * c, self.dtype, "qkv")(normed).reshape(n, h * w, 3, c // d, d)
        queries, keys, values = (qkv[:, :, part] for part in range(3))  # (n, pixels, heads, d) each
        if words is not None:
            added = per_pixel(words, linear(2 * c, self.dtype, "words")).reshape(n, -1, 2, c // d, d)
            keys = jnp.concatenate([keys, added[:, :, 0]], axis=1)
            values = jnp.concatenate([values, added[:, :, 1]], axis=1)
        mixed = attend(*(part.swapaxes(1, 2) for part in (queries, keys, values))).swapaxes(1, 2)
        out = nn.Dense(c, dtype=self.dtype, kernel_init=nn.initializers.zeros, name="out")
        return images + out(mixed.reshape(n * h * w, c)).reshape(images.shape)


def uniform(key: Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> Array:
    """Draws a kernel of variance 1 / rows, as a matrix: XLA takes longer to compile a draw of four axes."""
    return nn.initializers.lecun_uniform()(key, (math.prod(shape[:-1]), shape[-1]), dtype).reshape(shape)


def convolution(features: int, dtype: DTypeLike, name: str, *, zero: bool = False) -> nn.Conv:
    """Makes a 3x3 convolution, its kernel zero where it is to give nothing at first."""
    kernel = nn.initializers.zeros if zero else uniform
    return nn.Conv(features, (3, 3), dtype=dtype, kernel_init=kernel, name=name)


def linear(features: int, dtype: DTypeLike, name: str) -> nn.Dense:
    """Makes a linear layer."""
    return nn.Dense(features, dtype=dtype, kernel_init=uniform, name=name)


def per_pixel(images: Array, layer: nn.Dense) -> Array:
    """Applies a linear layer to the last axis, by one matrix product: XLA's gradient of a 1x1 convolution is slow."""
    return layer(images.reshape(-1, images.shape[-1])).reshape(*images.shape[:-1], layer.features)


def sizes_of(size: int, multipliers: tuple[int, ...], attention: tuple[int, ...]) -> dict[int, int]:
    """Returns {size: multiplier of the width}, from the images' down to the smallest.

    There is one size a multiplier; the last serves all further ones down to the smallest with attention.
    """
    levels = len(multipliers)
    while attention and size >> (levels - 1) > min(attention):
        levels += 1
    return {size >> level: multipliers[min(level, len(multipliers) - 1)] for level in range(levels)}


class Unet(nn.Module):
    """Maps a noisy image and its noise level to an image-like output, zero at first.

    Parameters: `level`; `input`; `down_{size}_0`, ...; `middle_0`, `middle_1`; `up_{size}_0`, ...; `norm`, `head`;
    `class` where there are classes, whose last row stands for none; `caption` where there are texts; `span` where
    there are two times. Of each size but the first on its way, block 0 changes to it.
    """

    channels: int
    width: int = 32
    multipliers: tuple[int, ...] = (1, 2, 4)
    blocks: int = 1  # of each size on the way down; there is one more on the way up
    attention: tuple[int, ...] = (8,)
    classes: int = 0  # 0 is without
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
            images: noisy images, h = w a power of two.
            levels: their noise levels, of any range near [-2, 2].
            condition: classes (n,), of which `classes` is none; or tokens of a text (n, length); None for a network
                without either.
            spans: of time, in [0, 1], of a network with two times; None is 0.
        """
        level, words = self._level_and_words(levels, condition, jnp.zeros_like(levels) if spans is None else spans)
        sizes = sizes_of(images.shape[1], self.multipliers, self.attention)
        block = nn.remat(UnetBlock) if self.remat else UnetBlock

        def apply(hidden: Array, size: int, name: str, resample: str = "", *, attention: bool) -> Array:
            seen = attention and size in self.attention
            return block(self.width * sizes[size], resample, seen, self.dtype, name=name)(hidden, level, words)

        hidden = convolution(self.width, self.dtype, "input")(images.astype(self.dtype))
        skipped = [hidden]
        for size in sizes:
            changes = size != images.shape[1]
            for index in range(self.blocks + changes):
                change = changes and index == 0
                hidden = apply(hidden, size, f"down_{size}_{index}", "halve" if change else "", attention=not change)
                skipped.append(hidden)
        smallest = min(sizes)
        hidden = apply(hidden, smallest, "middle_0", attention=True)
        hidden = apply(hidden, smallest, "middle_1", attention=False)
        for size in reversed(sizes):
            changes = size != smallest
            if changes:
                hidden = apply(hidden, size, f"up_{size}_0", "double", attention=False)
            for index in range(self.blocks + 1):
                hidden = jnp.concatenate([hidden, skipped.pop()], axis=-1)
                hidden = apply(hidden, size, f"up_{size}_{index + changes}", attention=index == self.blocks)
        hidden = nn.silu(GroupNorm(self.dtype, name="norm")(hidden))
        return convolution(self.channels, self.dtype, "head", zero=True)(hidden).astype(jnp.float32)

    def _level_and_words(self, levels: Array, condition: Array | None, spans: Array) -> tuple[Array, Array | None]:
        """Returns the vector of noise and condition (n, e), and the words of a caption (n, length, e)."""
        width = LEVEL_WIDTH * self.width
        level = NoiseLevel(width, self.dtype, SLOW if self.two_times else HIGHEST, name="level")(levels)
        if self.two_times:
            level = level + span_vector(spans, width, self.dtype)
        if not self.classes and self.text is None:
            return level, None
        if condition is None:
            raise ValueError("a network of classes or texts is asked without any")
        if self.text is not None:
            words = Embedding(self.text, width, self.dtype, name="caption")(condition)
            return level + words.mean(axis=1), words
        normal = nn.initializers.normal(INITIAL_DEVIATION)
        table = nn.Embed(self.classes + 1, width, embedding_init=normal, dtype=self.dtype, name="class")
        return level + table(condition), None
