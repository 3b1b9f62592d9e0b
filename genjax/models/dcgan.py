"""The DCGAN: a generator and a critic of strided convolutions. (Radford et al. 2016)

The generator has group normalisation in place of batch normalisation, the critic none: an image then depends on its own
latents alone, and a batch of ten images is large enough.
"""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from genjax.models.layers import minibatch_deviation
from genjax.models.stacks import downsample, upsample


class Generator(nn.Module):
    """Maps latents to images. Parameters: those of `stacks.upsample`."""

    size: int = 16
    channels: int = 1
    width: int = 64
    latent_size: int = 64
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, latents: Float[Array, "n {self.latent_size}"]
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        """Generates images in [-1, 1], float32."""
        images = upsample(latents, size=self.size, channels=self.channels, width=self.width, dtype=self.dtype)
        return jnp.tanh(images)  # to [-1, 1]


class Critic(nn.Module):
    """Maps images to one logit each, high for real. Parameters: those of `stacks.downsample`, then `head`."""

    size: int = 16
    width: int = 64
    dtype: DTypeLike = jnp.float32

    def setup(self) -> None:
        """Builds the head apart, so that the features can be computed without it."""
        self.head = nn.Dense(1, dtype=self.dtype)

    @nn.compact
    def features(self, images: Float[Array, "n {self.size} {self.size} c"]) -> Float[Array, "n 4 4 d"]:
        """Computes the input of the head before the minibatch deviation, (n, 4, 4, d), in the compute dtype."""
        return downsample(images, size=self.size, width=self.width, dtype=self.dtype)

    def __call__(self, images: Float[Array, "n {self.size} {self.size} c"]) -> Float[Array, " n"]:
        """Computes logits, float32. They depend on groups of four images: see `minibatch_deviation`."""
        features = minibatch_deviation(self.features(images))  # (n, 4, 4, d + 1)
        # (n, 16 (d + 1)) to (n, 1) to (n,)
        return self.head(features.reshape(len(features), -1))[:, 0].astype(jnp.float32)
