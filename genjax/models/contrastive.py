"""A small contrastive image-text model: images and texts as vectors of length 1. (Radford et al. 2021, CLIP)

It ranks what a prior made: how well does an image fit the text that it was asked for?
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from genjax.models.segments import Segment
from genjax.models.stacks import downsample
from genjax.models.transformer import Block, Embedding

FIRST_TEMPERATURE = 0.07  # CLIP's
MOST = 100.0  # of the scale, CLIP's


class ImageTower(nn.Module):
    """Images to vectors of length 1. Parameters: those of `stacks.downsample`, then `head`."""

    size: int
    width: int
    embedding_size: int
    dtype: DTypeLike

    @nn.compact
    def __call__(self, images: Float[Array, "n {self.size} {self.size} c"]) -> Float[Array, "n {self.embedding_size}"]:
        """Of images in [-1, 1]; float32."""
        features = downsample(images, size=self.size, width=self.width, dtype=self.dtype)
        head = nn.Dense(self.embedding_size, dtype=self.dtype, name="head")
        return _unit(head(features.reshape(len(features), -1)))


class TextTower(nn.Module):
    """Texts to vectors of length 1: a transformer whose positions all see each other, and the mean over them.

    Padding is read like words: its tokens are learned. Parameters: `embed`, `block_0`, ..., `norm`, `head`.
    """

    segment: Segment
    width: int
    depth: int
    heads: int
    embedding_size: int
    dtype: DTypeLike

    @nn.compact
    def __call__(self, text: Int[Array, "n {self.segment.length}"]) -> Float[Array, "n {self.embedding_size}"]:
        """Of tokens; float32."""
        slots = Embedding(self.segment, self.width, self.dtype, name="embed")(text)
        hidden, visible = slots.reshape(-1, self.width), jnp.ones((self.segment.length,) * 2, bool)
        for index in range(self.depth):
            hidden, _ = Block(self.heads, self.depth, self.dtype, name=f"block_{index}")(hidden, visible)
        hidden = nn.RMSNorm(dtype=self.dtype, name="norm")(hidden).reshape(slots.shape)
        return _unit(nn.Dense(self.embedding_size, dtype=self.dtype, name="head")(hidden.mean(axis=1)))


class Contrastive(nn.Module):
    """Both towers, under `image` and `text`, and the scale of their similarity, of which `scale` is the parameter."""

    segment: Segment
    size: int = 32
    width: int = 32
    text_width: int = 96
    text_depth: int = 2
    text_heads: int = 4
    embedding_size: int = 64
    dtype: DTypeLike = jnp.float32

    def setup(self) -> None:
        """Two towers that are usable alone as `images` and `texts`."""
        text = (self.segment, self.text_width, self.text_depth, self.text_heads)
        self.image = ImageTower(self.size, self.width, self.embedding_size, self.dtype)
        self.text = TextTower(*text, self.embedding_size, self.dtype)
        share = -math.log(FIRST_TEMPERATURE) / math.log(MOST)
        self.scale = self.param("scale", nn.initializers.constant(math.log(share / (1 - share))), ())

    def __call__(
        self, images: Float[Array, "n {self.size} {self.size} c"], text: Int[Array, "m {self.segment.length}"]
    ) -> Float[Array, "n m"]:
        """Similarity of every image (row) with every text (column), times the scale: logits, float32."""
        return bounded_scale(self.scale) * (self.image(images) @ self.text(text).T)

    def similarity(
        self, images: Float[Array, "n {self.size} {self.size} c"], text: Int[Array, "n {self.segment.length}"]
    ) -> Float[Array, " n"]:
        """Cosine of each image and its text, in [-1, 1]."""
        return (self.image(images) * self.text(text)).sum(axis=1)


def bounded_scale(raw: Float[Array, ""]) -> Float[Array, ""]:
    """The inverse of the temperature: between 1 and 100, whatever the parameter is. (Radford et al. 2021, section 2.5)

    CLIP cuts its parameter off at log 100, from where on it has no slope; `100 ** sigmoid(raw)` always has one.
    """
    return jnp.exp(np.log(MOST) * jax.nn.sigmoid(raw))


def _unit(vectors: Array) -> Array:
    vectors = vectors.astype(jnp.float32)
    return vectors * jax.lax.rsqrt(jnp.square(vectors).sum(axis=1, keepdims=True) + 1e-12)
