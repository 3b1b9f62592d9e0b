"""What an augmentation draws: whether an operation touches an image, and how."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

Noise = Float[Array, "n 2"]  # uniform in (-1, 1), two numbers an image


def draw(
    key: Key[Array, ""], operations: int, n: int, probability: float | Float[Array, ""]
) -> tuple[Bool[Array, "operations n"], Float[Array, "operations n 2"]]:
    """For each operation and image, whether it is drawn, and noise uniform in (-1, 1).

    One call of the generator serves all: each adds a third of a second to the compilation of a step.
    """
    numbers = jax.random.uniform(key, (3, operations, n), jnp.float32)
    # JAX draws multiples of 2^-23 from 0: half a step more keeps -1 out, whose normal number is infinite.
    noise = 2 * numbers[1:] - 1 + 2**-23
    return numbers[0] < probability, jnp.moveaxis(noise, 0, -1)


def normal(noise: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Standard normal numbers, from uniform ones in (-1, 1)."""
    return jnp.sqrt(2.0) * jax.lax.erf_inv(noise)


def integer(noise: Float[Array, "n"], choices: int) -> Float[Array, "n"]:
    """Integers from 0 to choices - 1, as floats, from uniform numbers in (-1, 1)."""
    return jnp.minimum(jnp.floor((noise + 1) * (choices / 2)), choices - 1)
