"""A generator and a critic of strided convolutions, after DCGAN. (Radford et al. 2016)

The generator has group normalisation and the critic none: no statistics of the batch, so that an image depends on its
own latents alone and ten shots are not too few.
"""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from genjax.models.layers import minibatch_deviation
from genjax.models.stacks import downsample, upsample


class Generator(nn.Module):
    """Latents to images. Parameters: those of `stacks.upsample`."""

    size: int = 16
    channels: int = 1
    width: int = 64
    latent_size: int = 64
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, latents: Float[Array, "n {self.latent_size}"]
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        """Images in [-1, 1], float32."""
        images = upsample(latents, size=self.size, channels=self.channels, width=self.width, dtype=self.dtype)
        return jnp.tanh(images)


class Critic(nn.Module):
    """Images to one logit each, high for real. Parameters: those of `stacks.downsample`, then `head`."""

    size: int = 16
    width: int = 64
    dtype: DTypeLike = jnp.float32

    def setup(self) -> None:
        """Two parts, so that the features can be had without the head."""
        self.head = nn.Dense(1, dtype=self.dtype)

    @nn.compact
    def features(self, images: Float[Array, "n {self.size} {self.size} c"]) -> Float[Array, "n 4 4 d"]:
        """What the head reads: (n, 4, 4, d), in the compute dtype."""
        return downsample(images, size=self.size, width=self.width, dtype=self.dtype)

    def __call__(self, images: Float[Array, "n {self.size} {self.size} c"]) -> Float[Array, " n"]:
        """Logits, float32. The features of a group of four are compared too: see `minibatch_deviation`."""
        features = minibatch_deviation(self.features(images))
        return self.head(features.reshape(len(features), -1))[:, 0].astype(jnp.float32)
