"""The cosine schedule of hidden tokens, random in training and falling from step to step in decoding. (MaskGIT)

At a fraction r of the way, cos(pi r / 2) of the tokens are hidden: few are decided in the first steps, when little is
known. (Chang et al. 2022, section 3.3)
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Key


def cosine_schedule(length: int, steps: int) -> np.ndarray:
    """Computes the number of tokens that stay hidden after each step, for every initial number.

    Each step decides at least one token, until none is hidden.

    Args:
        length: tokens in a sequence.
        steps: steps of the decoding.
    Returns:
        int32 (steps, length + 1): entry (i, j) is the number hidden after step i if j were hidden at first.
    """
    first = np.arange(length + 1)
    rows, before = [], first
    for step in range(steps):
        share = math.cos(math.pi / 2 * (step + 1) / steps) if step + 1 < steps else 0.0
        # floor(first * cos(pi/2 * (step + 1) / steps)), and at least one fewer than before
        before = np.minimum(np.floor(first * share), np.maximum(before - 1, 0))
        rows.append(before)
    return np.stack(rows).astype(np.int32)


def hide(key: Key[Array, ""], n: int, length: int) -> Bool[Array, "n length"]:
    """Chooses the tokens that are hidden in training, at random places.

    At least one is hidden in each sequence, since without any there is nothing to learn.

    Args:
        key: key of numbers and places.
        n: number of sequences.
        length: tokens in a sequence.
    Returns:
        bool (n, length), True for hidden.
    """
    share_key, place_key = jax.random.split(key)
    # ceil(cos(pi r / 2) * length) tokens, r uniform in [0, 1)
    share = jnp.cos(jnp.pi / 2 * jax.random.uniform(share_key, (n, 1)))
    number = jnp.maximum(jnp.ceil(share * length), 1.0)  # (n, 1)
    places = jnp.argsort(jax.random.uniform(place_key, (n, length)), axis=1)  # a random permutation in each row
    return places < number
