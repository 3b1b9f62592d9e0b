"""A function of a batch, applied to any number of rows by one compiled program."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from genjax.errors import InputError


def in_chunks(function: Callable[..., Any], *rows: Any, chunk: int) -> Any:
    """Applies a function to all rows, `chunk` of them at a time; the last ones are padded with zeros.

    Args:
        function: of arrays with a leading axis, to a tree of such arrays; each row's result is its own. Jitted, it is
            compiled once, and for fewer than `chunk` rows at their number.
        rows: arrays (n, ...), or what can be indexed by an array of numbers, all of one length.
        chunk: rows at once.
    Returns:
        The tree, of numpy arrays (n, ...).
    Raises:
        InputError: there are no rows.
    """
    n = len(rows[0])
    if not n:
        raise InputError("nothing was given: there are no rows. Give one or more.")
    size = min(n, chunk)
    parts = []
    for start in range(0, n, size):
        places = np.arange(start, start + size)
        padded = [_padded(array, places, n) for array in rows]
        parts.append(jax.tree.map(np.asarray, function(*padded)))
    return jax.tree.map(lambda *found: np.concatenate(found)[:n], *parts)


def _padded(array: Any, places: np.ndarray, n: int) -> Any:
    there = array[places[places < n]]
    missing = len(places) - len(there)
    return np.concatenate([there, np.zeros((missing, *there.shape[1:]), there.dtype)]) if missing else there
