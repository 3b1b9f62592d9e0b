"""A small contrastive image-text model, after CLIP: images and texts as unit vectors. (Radford et al. 2021)

It ranks the images of a prior by their similarity to the text that they were made for.
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

INITIAL_TEMPERATURE = 0.07  # initial temperature, as in CLIP
MAX_SCALE = 100.0  # upper bound of the scale, as in CLIP


class ImageTower(nn.Module):
    """Maps images to unit vectors. Parameters: those of `stacks.downsample`, then `head`."""

    size: int
    width: int
    embedding_size: int
    dtype: DTypeLike

    @nn.compact
    def __call__(self, images: Float[Array, "n {self.size} {self.size} c"]) -> Float[Array, "n {self.embedding_size}"]:
        """Embeds images in [-1, 1]; float32."""
        features = downsample(images, size=self.size, width=self.width, dtype=self.dtype)  # (n, 4, 4, d)
        head = nn.Dense(self.embedding_size, dtype=self.dtype, name="head")
        return _unit(head(features.reshape(len(features), -1)))


class TextTower(nn.Module):
    """Maps texts to unit vectors: a transformer with full attention, then the mean over positions.

    Padding is read like words, since its tokens are learned. Parameters: `embed`, `block_0`, ..., `norm`, `head`.
    """

    segment: Segment
    width: int
    depth: int
    heads: int
    embedding_size: int
    dtype: DTypeLike

    @nn.compact
    def __call__(self, text: Int[Array, "n {self.segment.length}"]) -> Float[Array, "n {self.embedding_size}"]:
        """Embeds rows of tokens; float32."""
        slots = Embedding(self.segment, self.width, self.dtype, name="embed")(text)
        # Blocks take (slots of all sequences, width), and here every slot sees every slot of its sequence.
        hidden, visible = slots.reshape(-1, self.width), jnp.ones((self.segment.length,) * 2, bool)
        for index in range(self.depth):
            hidden, _ = Block(self.heads, self.depth, self.dtype, name=f"block_{index}")(hidden, visible)
        hidden = nn.RMSNorm(dtype=self.dtype, name="norm")(hidden).reshape(slots.shape)
        return _unit(nn.Dense(self.embedding_size, dtype=self.dtype, name="head")(hidden.mean(axis=1)))


class Contrastive(nn.Module):
    """The two towers, `image` and `text`, and the scale of their similarity, whose raw parameter is `scale`."""

    segment: Segment
    size: int = 32
    width: int = 32
    text_width: int = 96
    text_depth: int = 2
    text_heads: int = 4
    embedding_size: int = 64
    dtype: DTypeLike = jnp.float32

    def setup(self) -> None:
        """Builds the towers, and starts the scale at 1 / INITIAL_TEMPERATURE."""
        text = (self.segment, self.text_width, self.text_depth, self.text_heads)
        self.image = ImageTower(self.size, self.width, self.embedding_size, self.dtype)
        self.text = TextTower(*text, self.embedding_size, self.dtype)
        # Inverse of `bounded_scale`: 100^sigmoid(raw) = 1 / .07
        share = -math.log(INITIAL_TEMPERATURE) / math.log(MAX_SCALE)
        self.scale = self.param("scale", nn.initializers.constant(math.log(share / (1 - share))), ())

    def __call__(
        self, images: Float[Array, "n {self.size} {self.size} c"], text: Int[Array, "m {self.segment.length}"]
    ) -> Float[Array, "n m"]:
        """Computes logits, float32: the similarity of image i (row) and text j (column), times the scale."""
        return bounded_scale(self.scale) * (self.image(images) @ self.text(text).T)

    def similarity(
        self, images: Float[Array, "n {self.size} {self.size} c"], text: Int[Array, "n {self.segment.length}"]
    ) -> Float[Array, " n"]:
        """Computes the cosine of each image and its own text, in [-1, 1]."""
        return (self.image(images) * self.text(text)).sum(axis=1)


def bounded_scale(raw: Float[Array, ""]) -> Float[Array, ""]:
    """Computes the inverse temperature, bounded between 1 and 100. (Radford et al. 2021, section 2.5)

    CLIP clips its parameter at log 100, beyond which the gradient is 0; the gradient of this function never is.
    """
    # scale = 100^sigmoid(raw)
    return jnp.exp(np.log(MAX_SCALE) * jax.nn.sigmoid(raw))


def _unit(vectors: Array) -> Array:
    vectors = vectors.astype(jnp.float32)
    # v / |v|; 1e-12 keeps the gradient finite at 0
    return vectors * jax.lax.rsqrt(jnp.square(vectors).sum(axis=1, keepdims=True) + 1e-12)
