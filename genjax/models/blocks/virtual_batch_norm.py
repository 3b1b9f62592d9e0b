"""Virtual batch normalisation: by the statistics of a fixed batch and of the image itself. (Salimans et al. 2016, 3.5)

An image then does not depend on those that happen to be beside it, as with batch normalisation. It costs a second pass:
the fixed batch goes through the network as well. For generators only, as in the paper.
"""

import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, Float


class VirtualBatchNorm(nn.Module):
    """Normalises features by reference ones, and these by themselves. Parameters: `scale`, `bias` (c,).

    Both results go on to the next layer, whose reference is that of this one.
    """

    epsilon: float = 1e-5
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, features: Float[Array, "n h w c"], reference: Float[Array, "m h w c"]
    ) -> tuple[Float[Array, "n h w c"], Float[Array, "m h w c"]]:
        """Normalises both, in the compute dtype; statistics are float32."""
        channels = features.shape[-1]
        scale = self.param("scale", nn.initializers.ones, (channels,))[None, None, None]
        bias = self.param("bias", nn.initializers.zeros, (channels,))[None, None, None]
        size, wide = len(reference), reference.astype(jnp.float32)
        # An image counts as one of m + 1, the reference's as m of them. Its mean square is written around the common
        # mean, E[(x - m)^2] = var(x) + (E[x] - m)^2: differences of squares lose all digits where means are large.
        center = wide.mean(axis=(0, 1, 2), keepdims=True)
        spread = wide.var(axis=(0, 1, 2), keepdims=True)
        own = features.astype(jnp.float32)
        mine = own.mean(axis=(1, 2), keepdims=True)
        mean = (mine + size * center) / (size + 1)
        around = own.var(axis=(1, 2), keepdims=True) + jnp.square(mine - mean)
        variance = (around + size * (spread + jnp.square(center - mean))) / (size + 1)
        found = (own - mean) * lax.rsqrt(variance + self.epsilon)
        fixed = (wide - center) * lax.rsqrt(spread + self.epsilon)
        return (found * scale + bias).astype(self.dtype), (fixed * scale + bias).astype(self.dtype)
