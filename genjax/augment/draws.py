"""Random numbers of augmentations: the choice of operations for each image, and their noise."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

Noise = Float[Array, "n 2"]  # uniform in (-1, 1), two numbers for each image


def draw(
    key: Key[Array, ""], operations: int, n: int, probability: float | Float[Array, ""]
) -> tuple[Bool[Array, "operations n"], Float[Array, "operations n 2"]]:
    """Draws the operations that change each image, and their noise.

    One call of the generator serves all: each call adds a third of a second to the compilation of a step.

    Args:
        key: key of the draws.
        operations: number of operations.
        n: number of images.
        probability: probability of each operation in each image.
    Returns:
        bool (operations, n), True with the given probability, and noise uniform in (-1, 1), (operations, n, 2).
    """
    numbers = jax.random.uniform(key, (3, operations, n), jnp.float32)
    # JAX draws multiples of 2^-23 from 0: half a step more excludes -1, whose normal number is infinite.
    noise = 2 * numbers[1:] - 1 + 2**-23
    return numbers[0] < probability, jnp.moveaxis(noise, 0, -1)


def normal(noise: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Converts uniform numbers in (-1, 1) to standard normal ones."""
    return jnp.sqrt(2.0) * jax.lax.erf_inv(noise)  # inverse of the normal distribution function


def integer(noise: Float[Array, "n"], choices: int) -> Float[Array, "n"]:
    """Converts uniform numbers in (-1, 1) to uniform integers from 0 to choices - 1, as floats."""
    # The minimum: rounding may bring a number just below 1 up to `choices`.
    return jnp.minimum(jnp.floor((noise + 1) * (choices / 2)), choices - 1)
