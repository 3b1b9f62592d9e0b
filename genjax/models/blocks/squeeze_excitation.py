"""Squeeze-and-excitation: each channel is scaled by a gate that sees the whole image. (Hu et al. 2018)"""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

SMALLEST = 4  # channels that are left after the squeeze at least, as in NVAE


class SqueezeExcitation(nn.Module):
    """Multiplies each channel by a gate in (0, 1) of the channels' means. Parameters: `squeeze`, `excite`.

    Attributes:
        ratio: channels for one of the hidden layer; 16 in the paper.
    """

    ratio: int = 16
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, features: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Scales the channels of each image, in the compute dtype."""
        features, channels = features.astype(self.dtype), features.shape[-1]
        means = features.mean(axis=(1, 2))  # (n, c)
        hidden = nn.relu(nn.Dense(max(SMALLEST, channels // self.ratio), dtype=self.dtype, name="squeeze")(means))
        gates = nn.sigmoid(nn.Dense(channels, dtype=self.dtype, name="excite")(hidden))
        return features * gates[:, None, None]
