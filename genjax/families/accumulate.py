"""Gradient accumulation: a batch in parts, computed one after the other, for a device that cannot hold it at once.

The average over equal parts of what is a mean over images is the mean over the whole batch, to rounding. What is not a
mean over images is not the same: see `docs/devices.md`.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array


def in_parts(values: Array, trailing: int, *parts: int) -> Array:
    """Reshapes rows (n, ...) to (*parts, n / all parts, ...); rows may come with leading axes of parts already.

    Args:
        values: array whose last `trailing` axes belong to a row.
        trailing: axes of a row: 3 of an image, 1 of tokens, 0 of a label.
        parts: lengths of the new leading axes.
    """
    return values.reshape(*parts, -1, *values.shape[values.ndim - trailing :])


def averaged(function: Callable[..., Any], parts: int) -> Callable[..., Any]:
    """Averages a function over equal parts of a batch, computed one after the other.

    Args:
        function: of arrays, or trees of them, to a tree of floating-point arrays.
        parts: length of the leading axis of every argument. One part is computed as if there were no such axis.
    """

    in_turn = averaged_with_rows(lambda *arguments: (function(*arguments), ()), parts)
    return lambda *arguments: in_turn(*arguments)[0]


def averaged_with_rows(function: Callable[..., tuple[Any, Any]], parts: int) -> Callable[..., tuple[Any, Any]]:
    """Averages the first result of a function over parts as `averaged` does, and puts the rows of the second together.

    Args:
        function: of arrays, or trees of them, to (a tree of floating-point arrays, a tree of arrays (n, ...)).
        parts: length of the leading axis of every argument.
    """

    def over_parts(*arguments: Any) -> tuple[Any, Any]:
        first = jax.tree.map(lambda leaf: leaf[0], arguments)
        if parts == 1:
            return function(*first)

        def add(total: Any, part: Any) -> tuple[Any, Any]:
            found, rows = function(*part)
            return jax.tree.map(jnp.add, total, found), rows

        shapes, _ = jax.eval_shape(function, *first)
        zero = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        total, rows = jax.lax.scan(add, zero, arguments)  # a loop: what a part needs is freed for the next
        return (
            jax.tree.map(lambda leaf: leaf / parts, total),
            jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), rows),
        )

    return over_parts


def keys_of_parts(key: Array, parts: int) -> Array:
    """Splits a key into one a part; a batch in one part keeps its own."""
    return key[None] if parts == 1 else jax.random.split(key, parts)
