"""Parallel decoding in a few steps: the most confident tokens are kept, the others are drawn again. (MaskGIT)

Each step draws a token for every hidden place, keeps those of the highest confidence, and hides the rest for the next
step; the cosine schedule gives their number. Kept tokens never change, nor do those that were given at first: a
sequence with some tokens of a real image is completed. (Chang et al. 2022)
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from genjax.families.text_to_image.decoding.autoregressive import Given
from genjax.families.text_to_image.decoding.filters import Filter, draw
from genjax.families.text_to_image.decoding.masking import cosine_schedule
from genjax.tree import Tree


class Infill(NamedTuple):
    """A model of hidden tokens as two functions.

    Attributes:
        begin: function given -> context, called once for all steps.
        logits: function (tokens (n, length), context) -> logits (n, length, v); hidden tokens are `absent`.
    """

    begin: Callable[[Given], Any]
    logits: Callable[[Array, Any], Array]


def decode_in_parallel(
    infill: Infill,
    given: Given,
    tokens: Array,
    uniforms: Array,
    *,
    absent: int,
    filtered: Filter,
    choice_temperature: float = 4.5,
) -> Array:
    """Fills in all hidden tokens.

    Args:
        infill: model of hidden tokens.
        given: tokens of the segments before, (n, length of each).
        tokens: tokens (n, length), `absent` where they are hidden; the others stay.
        uniforms: random numbers in [0, 1), (n, steps, 2, length): one for the token, one for the noise of confidence.
        absent: token of a hidden place.
        filtered: filter applied to logits before a token is drawn.
        choice_temperature: scale of the Gumbel noise that is added to log-probabilities, and falls to 0 in the last
            step. Without noise the images lack variety (section 3.2); 4.5 is the value of the authors' code.
    Returns:
        Tokens (n, length), none hidden.
    """
    context, steps = infill.begin(given), uniforms.shape[1]
    first = (tokens == absent).sum(axis=1)  # hidden at first, (n,)
    left = jnp.asarray(cosine_schedule(tokens.shape[1], steps))[:, first]  # (steps, n)
    # Scale of the noise in step i: T * (1 - (i + 1) / steps)
    noises = choice_temperature * (1 - (jnp.arange(steps) + 1) / steps)

    def one(tokens: Array, inputs: tuple[Array, Array, Array]) -> tuple[Array, None]:
        left, noise, uniform = inputs
        hidden = tokens == absent
        logits = infill.logits(tokens, context)
        drawn = draw(filtered(logits), uniform[:, 0])
        # Confidence: log p(token) + t * Gumbel noise, t falling to 0
        sure = _log_probability(logits, drawn) + noise * _gumbel(uniform[:, 1])
        # Of the hidden places, all but the `left` least confident ones are kept.
        kept = hidden & (_rank(jnp.where(hidden, sure, jnp.inf)) >= left[:, None])
        return jnp.where(kept, drawn, tokens), None

    return lax.scan(one, tokens, (left, noises, uniforms.swapaxes(0, 1)))[0]  # numbers as (steps, n, 2, length)


def infill_of(transformer: Any, params: Tree) -> Infill:
    """Builds the model of a transformer's last segment; the segments before are encoded once. Not causal."""
    variables = {"params": params}
    return Infill(
        lambda given: transformer.apply(variables, given, method="read"),
        lambda tokens, context: transformer.apply(variables, tokens, context, method="fill"),
    )


def _log_probability(logits: Array, tokens: Array) -> Array:
    chosen = jnp.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0]
    return chosen - jax.nn.logsumexp(logits, axis=-1)  # of the unfiltered logits


def _gumbel(uniform: Array) -> Array:
    return -jnp.log(-jnp.log(jnp.maximum(uniform, jnp.finfo(uniform.dtype).tiny)))  # -log(-log u), finite at u = 0


def _rank(values: Array) -> Array:
    """Ranks the values of each row from 0, ascending, equal ones in order."""
    return jnp.argsort(jnp.argsort(values, axis=1, stable=True), axis=1)
