"""The noise level of an image as a vector: sines and cosines of it, then two layers. (Ho et al. 2020; Nichol 2021)"""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

INITIAL_DEVIATION = 0.02  # of the kernels (DiT)
HIGHEST = 1000.0  # frequency: times from 0 to 1 count as DDPM's thousand steps


class NoiseLevel(nn.Module):
    """Maps noise levels (n,) to vectors (n, width). Parameters: `expand`, `contract`."""

    width: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, levels: Float[Array, " n"]) -> Float[Array, "n {self.width}"]:
        """Embeds the levels."""
        frequencies = jnp.geomspace(1.0, HIGHEST, self.width // 2)
        angles = levels[:, None].astype(jnp.float32) * frequencies[None]
        waves = jnp.concatenate([jnp.cos(angles), jnp.sin(angles)], axis=-1).astype(self.dtype)
        normal = nn.initializers.normal(INITIAL_DEVIATION)
        hidden = nn.silu(nn.Dense(self.width, dtype=self.dtype, kernel_init=normal, name="expand")(waves))
        return nn.Dense(self.width, dtype=self.dtype, kernel_init=normal, name="contract")(hidden)
