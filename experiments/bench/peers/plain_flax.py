"""Networks of genjax in plain Flax, by `nn.ConvTranspose` and `nn.Conv`, with genjax's parameter names and shapes."""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from genjax.models.layers import minibatch_deviation
from genjax.models.stacks import features_at, group_norm, resolutions


def upsample(latents: Array, size: int, channels: int, width: int) -> Array:
    """`genjax.models.stacks.upsample`."""
    features = features_at(4, size=size, width=width)
    images = nn.Dense(16 * features, name="stem")(latents).reshape(-1, 4, 4, features)
    for resolution in resolutions(size)[1:]:
        images = nn.relu(group_norm(images, dtype=jnp.float32, name=f"norm_{resolution // 2}"))
        features = channels if resolution == size else features_at(resolution, size=size, width=width)
        images = nn.ConvTranspose(features, (4, 4), (2, 2), name=f"up_{resolution}")(images)
    return images


def downsample(images: Array, size: int, width: int) -> Array:
    """`genjax.models.stacks.downsample`."""
    for resolution in reversed(resolutions(size)[:-1]):
        features = features_at(resolution, size=size, width=width)
        images = nn.leaky_relu(nn.Conv(features, (4, 4), (2, 2), padding=1, name=f"down_{resolution}")(images), 0.2)
    return images


class Generator(nn.Module):
    """`genjax.models.dcgan.Generator`."""

    size: int
    channels: int
    width: int
    latent_size: int

    @nn.compact
    def __call__(self, latents: Array) -> Array:
        """Images in [-1, 1]."""
        return jnp.tanh(upsample(latents, self.size, self.channels, self.width))


class Critic(nn.Module):
    """`genjax.models.dcgan.Critic`."""

    size: int
    width: int

    @nn.compact
    def __call__(self, images: Array) -> Array:
        """Logits."""
        features = minibatch_deviation(downsample(images, self.size, self.width))
        return nn.Dense(1, name="head")(features.reshape(len(features), -1))[:, 0]


class Encoder(nn.Module):
    """`genjax.models.vae.Encoder`."""

    size: int
    width: int
    latent_size: int

    @nn.compact
    def __call__(self, images: Array) -> tuple[Array, Array]:
        """Mean and log-variance."""
        features = downsample(images, self.size, self.width)
        head = nn.Dense(2 * self.latent_size, name="head")(features.reshape(len(features), -1))
        return head[:, : self.latent_size], head[:, self.latent_size :]


class Decoder(nn.Module):
    """`genjax.models.vae.Decoder`."""

    size: int
    channels: int
    width: int

    @nn.compact
    def __call__(self, latents: Array) -> Array:
        """The mean of the image."""
        return upsample(latents, self.size, self.channels, self.width)


class Vae(nn.Module):
    """`genjax.models.vae.Vae`."""

    size: int
    channels: int
    width: int
    latent_size: int

    def setup(self) -> None:
        """The two halves."""
        self.encoder = Encoder(self.size, self.width, self.latent_size)
        self.decoder = Decoder(self.size, self.channels, self.width)

    def encode(self, images: Array) -> tuple[Array, Array]:
        """Mean and log-variance."""
        return self.encoder(images)

    def decode(self, latents: Array) -> Array:
        """The mean of the image."""
        return self.decoder(latents)

    def __call__(self, images: Array) -> Array:
        """The decoder at the mean."""
        return self.decode(self.encode(images)[0])
