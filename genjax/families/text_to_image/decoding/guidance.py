"""Classifier-free guidance of decoding. (Ho & Salimans 2022, eq. 6)

Logits become `(1 - weight) * null + weight * conditional`. Weight 0 ignores the condition, 1 leaves the model as it is,
and more strengthens the condition. The null logits are those of one and the same model with `absent` in place of every
token of the condition, which it has seen in training. Their rows are the second half of a batch, with their own cache.
"""

from typing import Any

import jax.numpy as jnp
from jax import Array

from genjax.families.text_to_image.decoding.autoregressive import Given, Steps
from genjax.families.text_to_image.decoding.parallel import Infill


def combine(conditional: Array, null: Array, weight: float | Array) -> Array:
    """Computes guided logits; at the weights 1 and 0 they are `conditional` and `null` bit for bit."""
    # This form, not null + weight * (conditional - null), which rounds at weight 1.
    return (1 - weight) * null + weight * conditional


def guided_steps(steps: Steps, absent: tuple[int, ...], weight: float | Array) -> Steps:
    """Guides the logits of a causal model.

    Args:
        steps: steps of the model, which are called with twice as many rows.
        absent: token of a missing condition, for each given segment.
        weight: weight of the guidance.
    """

    def begin(given: Given, rows: int) -> tuple[Array, Any]:
        return _halves(*steps.begin(_with_null(given, absent), 2 * rows), weight)

    def advance(tokens: Array, index: Array, cache: Any) -> tuple[Array, Any]:
        # Both branches go on with the one token that was drawn from the guided logits.
        return _halves(*steps.advance(jnp.concatenate([tokens, tokens]), index, cache), weight)

    return Steps(begin, advance)


def guided_infill(infill: Infill, absent: tuple[int, ...], weight: float | Array) -> Infill:
    """Guides the logits of a model of hidden tokens.

    Args:
        infill: model, which is called with twice as many rows.
        absent: token of a missing condition, for each given segment.
        weight: weight of the guidance.
    """

    def begin(given: Given) -> Any:
        return infill.begin(_with_null(given, absent))

    def logits(tokens: Array, context: Any) -> Array:
        return _halves(infill.logits(jnp.concatenate([tokens, tokens]), context), None, weight)[0]

    return Infill(begin, logits)


def _with_null(given: Given, absent: tuple[int, ...]) -> Given:
    """Doubles the rows, the second half without a condition: (2 n, length of each)."""
    return tuple(
        jnp.concatenate([tokens, jnp.full_like(tokens, token)]) for tokens, token in zip(given, absent, strict=True)
    )


def _halves(logits: Array, cache: Any, weight: float | Array) -> tuple[Array, Any]:
    conditional, null = jnp.split(logits, 2)  # (2 n, ...) to (n, ...) each
    return combine(conditional, null, weight), cache
