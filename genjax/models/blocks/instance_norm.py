"""Instance normalisation (Ulyanov et al. 2016), and AdaIN, which sets mean and deviation by a style.

(Huang & Belongie 2017; as a layer of a generator Karras et al. 2019)
"""

import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, Float


def instance_norm(features: Float[Array, "n h w c"], *, epsilon: float = 1e-5) -> Float[Array, "n h w c"]:
    """Brings each channel of each image to mean 0 and variance 1 over its pixels; statistics in float32.

    Args:
        features: features (n, h, w, c).
        epsilon: added to the variance; 1e-5 in the first authors' code.
    """
    wide = features.astype(jnp.float32)
    mean, variance = wide.mean(axis=(1, 2), keepdims=True), wide.var(axis=(1, 2), keepdims=True)
    return ((wide - mean) * lax.rsqrt(variance + epsilon)).astype(features.dtype)


class AdaIn(nn.Module):
    """Normalises each channel of each image, then scales and shifts it by its style. Parameter: `style`.

    `(x - mean) / deviation (1 + s(w)) + b(w)`, s and b affine in w and 0 at the beginning.
    """

    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, features: Float[Array, "n h w c"], w: Float[Array, "n d"]) -> Float[Array, "n h w c"]:
        """Normalises features and gives them the style of the vectors w, in the compute dtype."""
        channels = features.shape[-1]
        affine = nn.Dense(2 * channels, dtype=self.dtype, kernel_init=nn.initializers.zeros, name="style")
        scale, shift = jnp.split(affine(w)[:, None, None], 2, axis=-1)  # (n, 1, 1, c) each
        return instance_norm(features.astype(self.dtype)) * (1 + scale) + shift
