"""Gradient accumulation: a batch in parts, one after the other, for a device that cannot hold it at once.

The average over equal parts of what is a mean over images is the mean over the whole batch, so that the update is that
of the whole batch, to rounding. What is not a mean over images is not the same: see `docs/tpu.md`.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def averaged(function: Callable[..., Any], parts: int) -> Callable[..., Any]:
    """`function` of each part of its arguments, its results averaged.

    Args:
        function: of arrays, or trees of them, to a tree of floating-point arrays.
        parts: length of the leading axis of every argument. One part is computed as if there were no such axis.
    """

    def over_parts(*arguments: Any) -> Any:
        first = jax.tree.map(lambda leaf: leaf[0], arguments)
        if parts == 1:
            return function(*first)

        def add(total: Any, part: Any) -> tuple[Any, None]:
            return jax.tree.map(jnp.add, total, function(*part)), None

        zero = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(function, *first))
        total, _ = jax.lax.scan(add, zero, arguments)  # a loop: what a part needs is freed for the next
        return jax.tree.map(lambda leaf: leaf / parts, total)

    return over_parts
