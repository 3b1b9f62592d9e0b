"""The convolutional variational autoencoder: an encoder to a diagonal Gaussian, a decoder to the mean of the image.

(Kingma & Welling 2014) Of classes both halves are told: q(z|x, y) and p(x|z, y). (Kingma, Mohamed et al. 2014, M2)
"""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from genjax.models.stacks import downsample, upsample, with_class


class Encoder(nn.Module):
    """Maps images to the mean and log-variance of q(z|x).

    Parameters: those of `stacks.downsample`, then `head`; `class` where there are classes.
    """

    size: int
    width: int
    latent_size: int
    dtype: DTypeLike
    classes: int = 0

    @nn.compact
    def __call__(
        self, images: Float[Array, "n {self.size} {self.size} c"], labels: Int[Array, " n"] | None = None
    ) -> tuple[Float[Array, "n {self.latent_size}"], Float[Array, "n {self.latent_size}"]]:
        """Computes mean and log-variance, (n, latent_size) each, float32."""
        features = downsample(images, size=self.size, width=self.width, dtype=self.dtype)  # (n, 4, 4, d)
        features = features.reshape(len(features), -1)  # (n, 16 d)
        features = with_class(features, labels, classes=self.classes, length=self.latent_size, dtype=self.dtype)
        head = nn.Dense(2 * self.latent_size, dtype=self.dtype, name="head")
        # (n, 2 latent_size) to two halves; log-variances, since they may be any number
        mean, log_variance = jnp.split(head(features), 2, axis=-1)
        return mean.astype(jnp.float32), log_variance.astype(jnp.float32)


class Decoder(nn.Module):
    """Maps latents to the parameter of p(x|z). Parameters: those of `stacks.upsample`; `class` with classes."""

    size: int
    channels: int
    width: int
    dtype: DTypeLike
    classes: int = 0

    @nn.compact
    def __call__(
        self, latents: Float[Array, "n latent_size"], labels: Int[Array, " n"] | None = None
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        """Computes a mean or logits, depending on the likelihood; unbounded, float32."""
        latents = with_class(latents, labels, classes=self.classes, length=latents.shape[-1], dtype=self.dtype)
        return upsample(latents, size=self.size, channels=self.channels, width=self.width, dtype=self.dtype)


class Vae(nn.Module):
    """The whole autoencoder. Parameters: those below `encoder` and `decoder`."""

    size: int = 16
    channels: int = 1
    width: int = 64
    latent_size: int = 32
    dtype: DTypeLike = jnp.float32
    classes: int = 0  # 0 is without

    def setup(self) -> None:
        """Builds the two halves, which `encode` and `decode` use alone."""
        self.encoder = Encoder(self.size, self.width, self.latent_size, self.dtype, self.classes)
        self.decoder = Decoder(self.size, self.channels, self.width, self.dtype, self.classes)

    def encode(
        self, images: Float[Array, "n {self.size} {self.size} {self.channels}"], labels: Int[Array, " n"] | None = None
    ) -> tuple[Float[Array, "n {self.latent_size}"], Float[Array, "n {self.latent_size}"]]:
        """Computes mean and log-variance of q(z|x), or of q(z|x, y) where there are classes."""
        return self.encoder(images, labels)

    def decode(
        self, latents: Float[Array, "n {self.latent_size}"], labels: Int[Array, " n"] | None = None
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        """Computes the parameter of p(x|z), or of p(x|z, y): a mean or logits, depending on the likelihood."""
        return self.decoder(latents, labels)

    def __call__(
        self, images: Float[Array, "n {self.size} {self.size} {self.channels}"], labels: Int[Array, " n"] | None = None
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        """Reconstructs images from the mean of q(z|x)."""
        return self.decode(self.encode(images, labels)[0], labels)
