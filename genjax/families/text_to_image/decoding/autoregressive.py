"""Autoregressive decoding: each token is drawn from its logits given those before it. (Ramesh et al. 2021)

The model is given as `Steps`. With a cache of keys and values a step computes one slot, without a cache all of them.
Both give equal tokens; the second exists to test the first. The whole decoding is one scan, which compiles once.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from genjax.families.text_to_image.decoding.filters import Filter, draw
from genjax.tree import Tree

Given = tuple[Array, ...]  # tokens (n, length) of the segments that come first


class Steps(NamedTuple):
    """A causal model as two functions that compute one token's logits at a time.

    Attributes:
        begin: function (given, n) -> (logits (n, v) of the first token after the given segments, cache).
        advance: function (tokens (n,), their index (), cache) -> (logits (n, v) of the next token, cache).
    """

    begin: Callable[[Given, int], tuple[Array, Any]]
    advance: Callable[[Array, Array, Any], tuple[Array, Any]]


def decode_autoregressively(steps: Steps, given: Given, uniforms: Array, *, filtered: Filter) -> Array:
    """Decodes the next segment.

    Args:
        steps: causal model.
        given: tokens of the segments before, (n, length of each).
        uniforms: random numbers in [0, 1), one for each token, (n, length).
        filtered: filter applied to logits (n, v) before a token is drawn.
    Returns:
        Tokens (n, length).
    """

    def one(carry: tuple[Array, Any], inputs: tuple[Array, Array]) -> tuple[tuple[Array, Any], Array]:
        (logits, cache), (index, uniform) = carry, inputs
        # x_i ~ p(x_i | x_1, ..., x_{i-1}, given), then the logits of x_{i+1}
        token = draw(filtered(logits), uniform)
        return steps.advance(token, index, cache), token

    n, length = uniforms.shape
    # The scan runs over length - 1 tokens: numbers (length - 1, n) go in, tokens (length - 1, n) come out.
    carry, first = lax.scan(one, steps.begin(given, n), (jnp.arange(length - 1), uniforms[:, :-1].T))
    last = draw(filtered(carry[0]), uniforms[:, -1])  # outside of the scan: no logits are needed after it
    # (length - 1, n) to (n, length - 1), and the last column
    return jnp.concatenate([first.T, last[:, None]], axis=1)


def cached_steps(transformer: Any, params: Tree, segment: int) -> Steps:
    """Builds the steps of a transformer with a cache of keys and values.

    Args:
        transformer: causal `genjax.models.transformer.Transformer`.
        params: parameters of the transformer.
        segment: number of the segment to decode; those before it are given.
    """
    variables = {"params": params}

    def begin(given: Given, rows: int) -> tuple[Array, Any]:
        return transformer.apply(variables, given, rows, method="begin")

    def advance(tokens: Array, index: Array, cache: Any) -> tuple[Array, Any]:
        return transformer.apply(variables, tokens, index, cache, segment, method="advance")

    return Steps(begin, advance)


def uncached_steps(transformer: Any, params: Tree, segment: int) -> Steps:
    """Builds steps without a cache, each of which computes every slot again. For tests and comparisons.

    Arguments as in `cached_steps`.
    """
    here, later = transformer.segments[segment], transformer.segments[segment + 1 :]

    def logits_at(index: Array, given: Given, tokens: Array) -> Array:
        # Later segments are not seen by a causal model; any token does.
        rest = tuple(jnp.full((len(tokens), other.length), other.absent, jnp.int32) for other in later)
        return transformer.apply({"params": params}, (*given, tokens, *rest), segment, index, method="logits_at")

    def begin(given: Given, rows: int) -> tuple[Array, Any]:
        tokens = jnp.full((rows, here.length), here.absent, jnp.int32)
        return logits_at(jnp.int32(0), given, tokens), (given, tokens)

    def advance(new: Array, index: Array, cache: Any) -> tuple[Array, Any]:
        given, tokens = cache  # the tokens so far take the place of keys and values
        tokens = lax.dynamic_update_slice_in_dim(tokens, new[:, None], index, axis=1)
        return logits_at(index + 1, given, tokens), (given, tokens)

    return Steps(begin, advance)
