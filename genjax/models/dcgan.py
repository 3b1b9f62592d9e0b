"""The DCGAN: a generator and a critic of strided convolutions. (Radford et al. 2016)

The generator has group normalisation in place of batch normalisation, the critic none: an image then depends on its own
latents alone, and a batch of ten images is large enough. Of classes, the generator is told by a vector beside the
latents, and the critic by a projection. (Miyato & Koyama 2018)
"""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from genjax.models.blocks.minibatch_discrimination import MinibatchDiscrimination
from genjax.models.layers import minibatch_deviation
from genjax.models.stacks import SMALLEST, downsample, features_at, given, upsample, with_class


class Generator(nn.Module):
    """Maps latents to images. Parameters: those of `stacks.upsample`; `class` where there are classes."""

    size: int = 16
    channels: int = 1
    width: int = 64
    latent_size: int = 64
    dtype: DTypeLike = jnp.float32
    classes: int = 0  # 0 is without

    @nn.compact
    def __call__(
        self, latents: Float[Array, "n {self.latent_size}"], labels: Int[Array, " n"] | None = None
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        """Generates images in [-1, 1], float32, of these classes where there are some."""
        latents = with_class(latents, labels, classes=self.classes, length=self.latent_size, dtype=self.dtype)
        images = upsample(latents, size=self.size, channels=self.channels, width=self.width, dtype=self.dtype)
        return jnp.tanh(images)  # to [-1, 1]


class Critic(nn.Module):
    """Maps images to one logit each, high for real.

    Parameters: those of `stacks.downsample`, then `head`; `projection`, a table of the classes, where there are some;
    `discrimination` where the statistic is that.

    Attributes:
        batch_statistic: what the head sees of the other images of a group: "deviation" (`layers.minibatch_deviation`),
            "discrimination" (`MinibatchDiscrimination` of the features' means) or "none".
    """

    size: int = 16
    width: int = 64
    dtype: DTypeLike = jnp.float32
    classes: int = 0  # 0 is without
    batch_statistic: str = "deviation"

    def setup(self) -> None:
        """Builds the head apart, so that the features can be computed without it."""
        self.head = nn.Dense(1, dtype=self.dtype)
        length = SMALLEST**2 * features_at(SMALLEST, size=self.size, width=self.width)
        if self.batch_statistic == "deviation":
            length += SMALLEST**2  # a channel
        elif self.batch_statistic == "discrimination":
            self.discrimination = MinibatchDiscrimination(dtype=self.dtype)
            length += self.discrimination.kernels
        if self.classes:
            # At zero the critic begins as one without classes; its slope there is that of the features.
            self.projection = nn.Embed(self.classes, length, dtype=self.dtype, embedding_init=nn.initializers.zeros)

    @nn.compact
    def features(self, images: Float[Array, "n {self.size} {self.size} c"]) -> Float[Array, "n 4 4 d"]:
        """Computes the input of the head before the minibatch deviation, (n, 4, 4, d), in the compute dtype."""
        return downsample(images, size=self.size, width=self.width, dtype=self.dtype)

    def __call__(
        self, images: Float[Array, "n {self.size} {self.size} c"], labels: Int[Array, " n"] | None = None
    ) -> Float[Array, " n"]:
        """Computes logits, float32. They depend on groups of images where there is a statistic of those.

        Of classes they are f(x, y) = e(y)^T phi(x) + psi(phi(x)), psi the head, phi its input. (Miyato & Koyama 2018,
        eq. 3)
        """
        features = self.features(images)  # (n, 4, 4, d)
        appended = []
        if self.batch_statistic == "deviation":
            features = minibatch_deviation(features)  # (n, 4, 4, d + 1)
        elif self.batch_statistic == "discrimination":
            means = features.mean(axis=(1, 2))
            appended = [self.discrimination(means)[:, means.shape[-1] :]]  # its own columns alone
        features = jnp.concatenate([features.reshape(len(features), -1), *appended], axis=-1)  # (n, length of the head)
        logits = self.head(features)[:, 0].astype(jnp.float32)  # (n, 1) to (n,)
        if self.classes:
            logits = logits + (self.projection(given(labels)) * features).sum(axis=-1, dtype=jnp.float32)
        return logits
