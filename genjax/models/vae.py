"""The convolutional variational autoencoder: an encoder to a diagonal Gaussian, a decoder to the mean of the image.

(Kingma & Welling 2014)
"""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from genjax.models.stacks import downsample, upsample


class Encoder(nn.Module):
    """Maps images to the mean and log-variance of q(z|x). Parameters: those of `stacks.downsample`, then `head`."""

    size: int
    width: int
    latent_size: int
    dtype: DTypeLike

    @nn.compact
    def __call__(
        self, images: Float[Array, "n {self.size} {self.size} c"]
    ) -> tuple[Float[Array, "n {self.latent_size}"], Float[Array, "n {self.latent_size}"]]:
        """Computes mean and log-variance, (n, latent_size) each, float32."""
        features = downsample(images, size=self.size, width=self.width, dtype=self.dtype)  # (n, 4, 4, d)
        head = nn.Dense(2 * self.latent_size, dtype=self.dtype, name="head")
        # (n, 16 d) to (n, 2 latent_size) to two halves; log-variances, since they may be any number
        mean, log_variance = jnp.split(head(features.reshape(len(features), -1)), 2, axis=-1)
        return mean.astype(jnp.float32), log_variance.astype(jnp.float32)


class Decoder(nn.Module):
    """Maps latents to the parameter of p(x|z). Parameters: those of `stacks.upsample`."""

    size: int
    channels: int
    width: int
    dtype: DTypeLike

    @nn.compact
    def __call__(
        self, latents: Float[Array, "n latent_size"]
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        """Computes a mean or logits, depending on the likelihood; unbounded, float32."""
        return upsample(latents, size=self.size, channels=self.channels, width=self.width, dtype=self.dtype)


class Vae(nn.Module):
    """The whole autoencoder. Parameters: those below `encoder` and `decoder`."""

    size: int = 16
    channels: int = 1
    width: int = 64
    latent_size: int = 32
    dtype: DTypeLike = jnp.float32

    def setup(self) -> None:
        """Builds the two halves, which `encode` and `decode` use alone."""
        self.encoder = Encoder(self.size, self.width, self.latent_size, self.dtype)
        self.decoder = Decoder(self.size, self.channels, self.width, self.dtype)

    def encode(
        self, images: Float[Array, "n {self.size} {self.size} {self.channels}"]
    ) -> tuple[Float[Array, "n {self.latent_size}"], Float[Array, "n {self.latent_size}"]]:
        """Computes mean and log-variance of q(z|x)."""
        return self.encoder(images)

    def decode(
        self, latents: Float[Array, "n {self.latent_size}"]
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        """Computes the parameter of p(x|z): a mean or logits, depending on the likelihood."""
        return self.decoder(latents)

    def __call__(
        self, images: Float[Array, "n {self.size} {self.size} {self.channels}"]
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        """Reconstructs images from the mean of q(z|x)."""
        return self.decode(self.encode(images)[0])
