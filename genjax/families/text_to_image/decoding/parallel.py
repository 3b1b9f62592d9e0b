"""All tokens in a few steps: the surest are kept, the others are guessed again. (Chang et al. 2022, MaskGIT)

Each step draws a token for every hidden place, keeps those of which the model is surest, and hides the rest for the
next; the cosine says how many. What is kept never changes, and what was there at first is kept: a sequence with some
tokens of a real image is completed.
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
    """A model of hidden tokens.

    Attributes:
        begin: given -> context, which is found once for all steps.
        logits: (tokens (n, length), context) -> (n, length, v). Tokens are `absent` where they are hidden.
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
    """Tokens (n, length) without any that is hidden.

    Args:
        infill: the model.
        given: tokens of the segments before, (n, length of each).
        tokens: (n, length), `absent` where a token is to be found; the others stay.
        uniforms: (n, steps, 2, length) in [0, 1): what tokens are drawn with, and the noise in how sure they are.
        absent: the token of a hidden place.
        filtered: logits to those that are drawn from.
        choice_temperature: of the Gumbel noise added to log-probabilities, which falls to 0 with the last step. Without
            any, the images lack variety (section 3.2); 4.5 is the authors' code's.
    """
    context, steps = infill.begin(given), uniforms.shape[1]
    first = (tokens == absent).sum(axis=1)
    left = jnp.asarray(cosine_schedule(tokens.shape[1], steps))[:, first]  # (steps, n)
    noises = choice_temperature * (1 - (jnp.arange(steps) + 1) / steps)

    def one(tokens: Array, inputs: tuple[Array, Array, Array]) -> tuple[Array, None]:
        left, noise, uniform = inputs
        hidden = tokens == absent
        logits = infill.logits(tokens, context)
        drawn = draw(filtered(logits), uniform[:, 0])
        sure = _log_probability(logits, drawn) + noise * _gumbel(uniform[:, 1])
        kept = hidden & (_rank(jnp.where(hidden, sure, jnp.inf)) >= left[:, None])
        return jnp.where(kept, drawn, tokens), None

    return lax.scan(one, tokens, (left, noises, uniforms.swapaxes(0, 1)))[0]


def infill_of(transformer: Any, params: Tree) -> Infill:
    """The last segment of a transformer that is not causal, which reads those before it once."""
    variables = {"params": params}
    return Infill(
        lambda given: transformer.apply(variables, given, method="read"),
        lambda tokens, context: transformer.apply(variables, tokens, context, method="fill"),
    )


def _log_probability(logits: Array, tokens: Array) -> Array:
    chosen = jnp.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0]
    return chosen - jax.nn.logsumexp(logits, axis=-1)


def _gumbel(uniform: Array) -> Array:
    return -jnp.log(-jnp.log(jnp.maximum(uniform, jnp.finfo(uniform.dtype).tiny)))


def _rank(values: Array) -> Array:
    """How many values of its row come before each, ties in order."""
    return jnp.argsort(jnp.argsort(values, axis=1, stable=True), axis=1)
