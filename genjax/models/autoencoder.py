"""An autoencoder whose latents are a smaller image: a Gaussian at each place of a grid. (Rombach et al. 2022)

Its latents are of any mean and deviation. Two vectors among its parameters say which, so that whoever draws latents may
count in deviations: no gradient reaches them, they are measured when the rest is trained.
"""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from genjax.models.layers import DownConv, UpConv
from genjax.models.stacks import features_at, group_norm
from genjax.models.text_to_image.tokenizer import Residual, resolutions

LEAST_LOG_VARIANCE, LARGEST_LOG_VARIANCE = -30.0, 20.0  # beyond, exp would leave float32 in a bad step


class Encoder(nn.Module):
    """Maps images to the mean and log-variance of each latent.

    Parameters: `down_{size/2}`, `block_{size/2}_0`, ..., `norm`, `head`.
    """

    size: int
    grid: int
    latents: int
    width: int
    blocks: int
    dtype: DTypeLike

    @nn.compact
    def __call__(
        self, images: Float[Array, "n {self.size} {self.size} c"]
    ) -> tuple[
        Float[Array, "n {self.grid} {self.grid} {self.latents}"],
        Float[Array, "n {self.grid} {self.grid} {self.latents}"],
    ]:
        """Computes means and log-variances, float32, from images in [-1, 1]."""
        hidden = images.astype(self.dtype)
        for resolution in reversed(resolutions(self.size, self.grid)[:-1]):
            features = features_at(resolution, size=self.size, width=self.width)
            hidden = DownConv(features, dtype=self.dtype, name=f"down_{resolution}")(hidden)
            for index in range(self.blocks):
                hidden = Residual(self.dtype, name=f"block_{resolution}_{index}")(hidden)
        hidden = nn.relu(group_norm(hidden, dtype=self.dtype, name="norm"))
        found = nn.Dense(2 * self.latents, dtype=self.dtype, name="head")(hidden).astype(jnp.float32)
        mean, log_variance = jnp.split(found, 2, axis=-1)
        return mean, jnp.clip(log_variance, LEAST_LOG_VARIANCE, LARGEST_LOG_VARIANCE)


class Decoder(nn.Module):
    """Maps latents to images, the encoder's mirror image.

    Parameters: `stem`, `block_{grid}_0`, ..., `norm_{grid}`, `up_{2 grid}`, ...
    """

    size: int
    grid: int
    channels: int
    width: int
    blocks: int
    dtype: DTypeLike

    @nn.compact
    def __call__(
        self, latents: Float[Array, "n {self.grid} {self.grid} d"]
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        """Computes images, unbounded, float32."""
        features = features_at(self.grid, size=self.size, width=self.width)
        hidden = nn.Dense(features, dtype=self.dtype, name="stem")(latents.astype(self.dtype))
        for resolution in resolutions(self.size, self.grid)[:-1]:
            for index in range(self.blocks):
                hidden = Residual(self.dtype, name=f"block_{resolution}_{index}")(hidden)
            hidden = nn.relu(group_norm(hidden, dtype=self.dtype, name=f"norm_{resolution}"))
            doubled = 2 * resolution
            last = doubled == self.size
            features = self.channels if last else features_at(doubled, size=self.size, width=self.width)
            hidden = UpConv(features, dtype=self.dtype, name=f"up_{doubled}")(hidden)
        return hidden.astype(jnp.float32)


class Autoencoder(nn.Module):
    """The whole autoencoder. Parameters: those below `encoder` and `decoder`, `mean` and `deviation` of the latents."""

    size: int = 32
    factor: int = 4  # pixels to a latent in height and width, a power of two
    channels: int = 3
    latents: int = 4  # numbers at each place
    width: int = 64
    blocks: int = 1  # at each size but the image's own
    dtype: DTypeLike = jnp.float32

    def setup(self) -> None:
        """Builds the parts, which `encode` and `decode` use alone."""
        grid = self.size // self.factor
        self.encoder = Encoder(self.size, grid, self.latents, self.width, self.blocks, self.dtype)
        self.decoder = Decoder(self.size, grid, self.channels, self.width, self.blocks, self.dtype)
        self.mean = self.param("mean", nn.initializers.zeros, (self.latents,))
        self.deviation = self.param("deviation", nn.initializers.ones, (self.latents,))

    def encode(
        self, images: Float[Array, "n {self.size} {self.size} {self.channels}"]
    ) -> tuple[Float[Array, "n h w {self.latents}"], Float[Array, "n h w {self.latents}"]]:
        """Computes mean and log-variance of q(z|x), as the encoder gives them."""
        return self.encoder(images)

    def decode(
        self, latents: Float[Array, "n h w {self.latents}"]
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        """Computes images of latents as the encoder gives them."""
        return self.decoder(latents)

    def encode_normed(
        self, images: Float[Array, "n {self.size} {self.size} {self.channels}"]
    ) -> Float[Array, "n h w {self.latents}"]:
        """Computes the means of q(z|x), counted in deviations of all images' latents from their mean."""
        # (m - mean) / deviation, one number a channel
        return (self.encoder(images)[0] - self.mean[None, None, None]) / self.deviation[None, None, None]

    def decode_normed(
        self, latents: Float[Array, "n h w {self.latents}"]
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        """Computes images of latents that are counted in deviations."""
        return self.decoder(latents * self.deviation[None, None, None] + self.mean[None, None, None])

    def __call__(
        self, images: Float[Array, "n {self.size} {self.size} {self.channels}"]
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        """Reconstructs images from the means of q(z|x)."""
        return self.decode(self.encode(images)[0])
