"""Of several candidates for each condition, the one that another model likes best. (Ramesh et al. 2021, section 2.6)"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def repeated(conditions: Int[Array, "n t"], candidates: int) -> Int[Array, "n*{candidates} t"]:
    """Each condition that many times in a row."""
    return jnp.repeat(conditions, candidates, axis=0)


def best_of(made: Array, scores: Float[Array, " nk"], candidates: int) -> Array:
    """The candidate of the highest score, the first among equals; one without a number for a score never is.

    Args:
        made: (n * candidates, ...), those of one condition in a row.
        scores: (n * candidates,), high for good.
        candidates: of each condition.
    Returns:
        (n, ...).
    """
    table = jnp.where(jnp.isnan(scores), -jnp.inf, scores).reshape(-1, candidates)
    return made[jnp.arange(len(table)) * candidates + table.argmax(axis=1)]
