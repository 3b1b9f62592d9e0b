"""Classifier-free guidance: away from what is likely without the condition. (Ho & Salimans 2022, eq. 6)

Logits become `(1 - weight) * null + weight * conditional`: 0 is without the condition, 1 with it, and more makes what
the condition asks for likelier than the model believes. The model without a condition is the same model, with `absent`
in place of every token of it, which it saw in training. It has a cache of its own: the second half of the rows.
"""

from typing import Any

import jax.numpy as jnp
from jax import Array

from genjax.families.text_to_image.decoding.autoregressive import Given, Steps
from genjax.families.text_to_image.decoding.parallel import Infill


def combine(conditional: Array, null: Array, weight: float | Array) -> Array:
    """Guided logits. At the weights 1 and 0 they are those of the one and the other, bit for bit."""
    return (1 - weight) * null + weight * conditional


def guided_steps(steps: Steps, absent: tuple[int, ...], weight: float | Array) -> Steps:
    """Steps whose logits are guided.

    Args:
        steps: of the model; it is asked for twice as many rows.
        absent: the token of a missing condition, for each given segment.
        weight: of the guidance.
    """

    def begin(given: Given, rows: int) -> tuple[Array, Any]:
        return _halves(*steps.begin(_with_null(given, absent), 2 * rows), weight)

    def advance(tokens: Array, index: Array, cache: Any) -> tuple[Array, Any]:
        return _halves(*steps.advance(jnp.concatenate([tokens, tokens]), index, cache), weight)

    return Steps(begin, advance)


def guided_infill(infill: Infill, absent: tuple[int, ...], weight: float | Array) -> Infill:
    """A model of hidden tokens whose logits are guided. Arguments as in `guided_steps`."""

    def begin(given: Given) -> Any:
        return infill.begin(_with_null(given, absent))

    def logits(tokens: Array, context: Any) -> Array:
        return _halves(infill.logits(jnp.concatenate([tokens, tokens]), context), None, weight)[0]

    return Infill(begin, logits)


def _with_null(given: Given, absent: tuple[int, ...]) -> Given:
    """Twice the rows, the second half without a condition."""
    return tuple(
        jnp.concatenate([tokens, jnp.full_like(tokens, token)]) for tokens, token in zip(given, absent, strict=True)
    )


def _halves(logits: Array, cache: Any, weight: float | Array) -> tuple[Array, Any]:
    conditional, null = jnp.split(logits, 2)
    return combine(conditional, null, weight), cache
