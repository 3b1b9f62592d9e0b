"""Dense blocks: each layer sees the features of all before it. (Huang et al. 2017, DenseNet-BC)

With group normalisation in place of batch normalisation, so that an image depends on itself alone.
"""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from genjax.models.layers import resampled
from genjax.models.stacks import group_norm


class DenseBlock(nn.Module):
    """Appends `growth` channels a layer. Parameters of layer i: `norm_{i}`, `squeeze_{i}`, `norm_{i}b`, `conv_{i}`.

    Attributes:
        layers: number of layers.
        growth: channels that each adds, k.
    """

    layers: int = 4
    growth: int = 12
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, features: Float[Array, "n h w c"]) -> Float[Array, "n h w c+{self.layers}*{self.growth}"]:
        """Appends what the layers compute, in the compute dtype: the features come first, as they were."""
        features = features.astype(self.dtype)
        for index in range(self.layers):
            hidden = self._activated(features, f"norm_{index}")
            hidden = nn.Conv(4 * self.growth, (1, 1), use_bias=False, dtype=self.dtype, name=f"squeeze_{index}")(hidden)
            hidden = self._activated(hidden, f"norm_{index}b")
            hidden = nn.Conv(self.growth, (3, 3), use_bias=False, dtype=self.dtype, name=f"conv_{index}")(hidden)
            features = jnp.concatenate([features, hidden], axis=-1)
        return features

    def _activated(self, features: Array, name: str) -> Array:
        return nn.relu(group_norm(features, dtype=self.dtype, name=name))


class Transition(nn.Module):
    """Halves channels and size between dense blocks. Parameters: `norm`, `squeeze`."""

    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, features: Float[Array, "n h w c"]) -> Float[Array, "n h//2 w//2 c//2"]:
        """Normalises, mixes the channels and takes the mean of each four pixels, in the compute dtype."""
        hidden = nn.relu(group_norm(features, dtype=self.dtype, name="norm"))
        channels = features.shape[-1] // 2
        hidden = nn.Conv(channels, (1, 1), use_bias=False, dtype=self.dtype, name="squeeze")(hidden)
        return resampled(hidden, "halve")
