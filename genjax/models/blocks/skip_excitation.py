"""Skip-layer excitation: small features gate the channels of large ones, far up in a generator. (Liu et al. 2021)

FastGAN's shortcut between resolutions: a product, where a residual connection would have to resample.
"""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

POOLED = 4  # pixels of a side to which the small features are pooled


class SkipExcitation(nn.Module):
    """Multiplies each channel of large features by a gate in (0, 1) of small ones. Parameters: `squeeze`, `excite`."""

    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, large: Float[Array, "n h w c"], small: Float[Array, "n s s d"]) -> Float[Array, "n h w c"]:
        """Scales the channels of the large features, in the compute dtype; s is a multiple of 4."""
        channels, (n, size, _, depth) = large.shape[-1], small.shape
        block = size // POOLED
        pooled = small.astype(self.dtype).reshape(n, POOLED, block, POOLED, block, depth).mean(axis=(2, 4))
        convolution = nn.Conv(channels, (POOLED, POOLED), padding="VALID", dtype=self.dtype, name="squeeze")
        hidden = nn.swish(convolution(pooled)[:, 0, 0])  # (n, 1, 1, c) to (n, c)
        gates = nn.sigmoid(nn.Dense(channels, dtype=self.dtype, name="excite")(hidden))
        return large.astype(self.dtype) * gates[:, None, None]
