"""The noise level of an image as a vector: sines and cosines of it, then two layers. (Ho et al. 2020; Nichol 2021)"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

INITIAL_DEVIATION = 0.02  # of the kernels (DiT)
HIGHEST = 1000.0  # frequency: times from 0 to 1 count as DDPM's thousand steps
SLOW = 10.0  # the same where the derivative by a time is taken: faster waves would be all that is left of it
FITTED, CUTOFF = 1024, 1e-4  # times of the fit, and singular values that it leaves out, of the largest


class NoiseLevel(nn.Module):
    """Maps noise levels (n,) to vectors (n, width). Parameters: `expand`, `contract`."""

    width: int
    dtype: DTypeLike = jnp.float32
    highest: float = HIGHEST  # frequency

    @nn.compact
    def __call__(self, levels: Float[Array, " n"]) -> Float[Array, "n {self.width}"]:
        """Embeds the levels."""
        normal = nn.initializers.normal(INITIAL_DEVIATION)
        waves = waves_of(levels, self.width, self.highest).astype(self.dtype)
        hidden = nn.silu(nn.Dense(self.width, dtype=self.dtype, kernel_init=normal, name="expand")(waves))
        return nn.Dense(self.width, dtype=self.dtype, kernel_init=normal, name="contract")(hidden)


def span_vector(spans: Float[Array, " n"], width: int, dtype: DTypeLike) -> Float[Array, "n {width}"]:
    """Maps spans of time (n,) in [0, 1] to vectors by a layer `span` of the calling module, which begins at zero.

    A single layer, so that a network without it becomes one with it by adding zeros.
    """
    waves = waves_of(spans, width, SLOW).astype(dtype)
    return nn.Dense(width, dtype=dtype, kernel_init=nn.initializers.zeros, name="span")(waves)


def waves_of(numbers: Float[Array, " n"], width: int, highest: float) -> Float[Array, "n _"]:
    """Computes cosines and sines of numbers (n,) at frequencies from 1 to the highest, float32."""
    frequencies = jnp.geomspace(1.0, highest, width // 2)
    angles = numbers[:, None].astype(jnp.float32) * frequencies[None]
    return jnp.concatenate([jnp.cos(angles), jnp.sin(angles)], axis=-1)


def slowed(kernel: Float[Array, "m w"]) -> Float[Array, "m w"]:
    """Returns the kernel of `expand` for waves up to SLOW that comes nearest to one for waves up to HIGHEST.

    It is the least-squares fit over times from 0 to 1, of which what is faster is left out.
    """
    with jax.ensure_compile_time_eval():  # it may be asked while shapes are traced
        times = jnp.linspace(0, 1, FITTED)
        slow, fast = (np.asarray(waves_of(times, len(kernel), highest), np.float64) for highest in (SLOW, HIGHEST))
    fit = jnp.asarray(np.linalg.lstsq(slow, fast, rcond=CUTOFF)[0], jnp.float32)  # numbers up to 160 that cancel
    return jnp.matmul(fit, kernel, precision="highest")
