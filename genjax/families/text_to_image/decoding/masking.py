"""How many tokens are hidden: in training at random, in decoding fewer from step to step. (Chang et al. 2022)

Both follow the cosine: of a share r of the way, cos(pi r / 2) of the tokens are hidden. Few are decided in the first
steps, when little is known. (section 3.3)
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Key


def cosine_schedule(length: int, steps: int) -> np.ndarray:
    """How many tokens are hidden after each step, by how many were at first.

    `floor(first * cos(pi / 2 * (step + 1) / steps))`, and at least one fewer than before the step, until none is.

    Args:
        length: of a sequence.
        steps: of the decoding.
    Returns:
        int32 (steps, length + 1): the row of a step, the column of the number at first.
    """
    first = np.arange(length + 1)
    rows, before = [], first
    for step in range(steps):
        share = math.cos(math.pi / 2 * (step + 1) / steps) if step + 1 < steps else 0.0
        before = np.minimum(np.floor(first * share), np.maximum(before - 1, 0))
        rows.append(before)
    return np.stack(rows).astype(np.int32)


def hide(key: Key[Array, ""], n: int, length: int) -> Bool[Array, "n length"]:
    """Which tokens are hidden in training: in each sequence ceil(cos(pi r / 2) * length), r uniform, at random places.

    At least one is: a sequence with none would teach nothing.
    """
    share_key, place_key = jax.random.split(key)
    share = jnp.cos(jnp.pi / 2 * jax.random.uniform(share_key, (n, 1)))
    number = jnp.maximum(jnp.ceil(share * length), 1.0)
    places = jnp.argsort(jax.random.uniform(place_key, (n, length)), axis=1)
    return places < number
