"""Networks of genjax in plain Flax, by `nn.ConvTranspose` and `nn.Conv`, with genjax's parameter names and shapes."""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from genjax.models.layers import minibatch_deviation
from genjax.models.stacks import features_at, group_norm, resolutions


def upsample(latents: Array, size: int, channels: int, width: int) -> Array:
    """Maps latents (n, d) to images (n, size, size, channels), as `genjax.models.stacks.upsample`."""
    features = features_at(4, size=size, width=width)
    images = nn.Dense(16 * features, name="stem")(latents).reshape(-1, 4, 4, features)
    for resolution in resolutions(size)[1:]:
        images = nn.relu(group_norm(images, dtype=jnp.float32, name=f"norm_{resolution // 2}"))
        features = channels if resolution == size else features_at(resolution, size=size, width=width)
        images = nn.ConvTranspose(features, (4, 4), (2, 2), name=f"up_{resolution}")(images)
    return images


def downsample(images: Array, size: int, width: int) -> Array:
    """Maps images to features (n, 4, 4, c), as `genjax.models.stacks.downsample`."""
    for resolution in reversed(resolutions(size)[:-1]):
        features = features_at(resolution, size=size, width=width)
        images = nn.leaky_relu(nn.Conv(features, (4, 4), (2, 2), padding=1, name=f"down_{resolution}")(images), 0.2)
    return images


class Generator(nn.Module):
    """Generator of a DCGAN, as `genjax.models.dcgan.Generator`."""

    size: int
    channels: int
    width: int
    latent_size: int

    @nn.compact
    def __call__(self, latents: Array) -> Array:
        """Returns images in [-1, 1]."""
        return jnp.tanh(upsample(latents, self.size, self.channels, self.width))


class Critic(nn.Module):
    """Critic of a DCGAN, as `genjax.models.dcgan.Critic`."""

    size: int
    width: int

    @nn.compact
    def __call__(self, images: Array) -> Array:
        """Returns logits (n,)."""
        features = minibatch_deviation(downsample(images, self.size, self.width))
        return nn.Dense(1, name="head")(features.reshape(len(features), -1))[:, 0]


class Encoder(nn.Module):
    """Encoder of a VAE, as `genjax.models.vae.Encoder`."""

    size: int
    width: int
    latent_size: int

    @nn.compact
    def __call__(self, images: Array) -> tuple[Array, Array]:
        """Returns mean and log-variance, (n, latent_size) each."""
        features = downsample(images, self.size, self.width)
        head = nn.Dense(2 * self.latent_size, name="head")(features.reshape(len(features), -1))
        return head[:, : self.latent_size], head[:, self.latent_size :]


class Decoder(nn.Module):
    """Decoder of a VAE, as `genjax.models.vae.Decoder`."""

    size: int
    channels: int
    width: int

    @nn.compact
    def __call__(self, latents: Array) -> Array:
        """Returns the mean of the image."""
        return upsample(latents, self.size, self.channels, self.width)


class Vae(nn.Module):
    """VAE, as `genjax.models.vae.Vae`."""

    size: int
    channels: int
    width: int
    latent_size: int

    def setup(self) -> None:
        """Makes encoder and decoder."""
        self.encoder = Encoder(self.size, self.width, self.latent_size)
        self.decoder = Decoder(self.size, self.channels, self.width)

    def encode(self, images: Array) -> tuple[Array, Array]:
        """Returns mean and log-variance."""
        return self.encoder(images)

    def decode(self, latents: Array) -> Array:
        """Returns the mean of the image."""
        return self.decoder(latents)

    def __call__(self, images: Array) -> Array:
        """Decodes the mean of the latents."""
        return self.decode(self.encode(images)[0])
