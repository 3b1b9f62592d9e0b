"""One token after the other, each drawn from what the model says after those before it. (Ramesh et al. 2021)

A model is read as `Steps`. With a cache of keys and values a step computes one slot; without, all of them again. Both
give the same tokens, and the second is here to prove it. The whole decoding is one scan, to be compiled once.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from genjax.families.text_to_image.decoding.filters import Filter, draw
from genjax.tree import Tree

Given = tuple[Array, ...]  # tokens (n, length) of the segments that come first


class Steps(NamedTuple):
    """A causal model, a token at a time.

    Attributes:
        begin: (given, n) -> (logits (n, v) of the first token of the segment after those given, cache).
        advance: (tokens (n,), their index (), cache) -> (logits (n, v) of the next, cache).
    """

    begin: Callable[[Given, int], tuple[Array, Any]]
    advance: Callable[[Array, Array, Any], tuple[Array, Any]]


def decode_in_turn(steps: Steps, given: Given, uniforms: Array, *, filtered: Filter) -> Array:
    """Tokens (n, length) of the next segment.

    Args:
        steps: the model.
        given: tokens of the segments before, (n, length of each).
        uniforms: (n, length) in [0, 1): what each token is drawn with.
        filtered: logits (n, v) to those that are drawn from.
    """

    def one(carry: tuple[Array, Any], inputs: tuple[Array, Array]) -> tuple[tuple[Array, Any], Array]:
        (logits, cache), (index, uniform) = carry, inputs
        token = draw(filtered(logits), uniform)
        return steps.advance(token, index, cache), token

    n, length = uniforms.shape
    carry, first = lax.scan(one, steps.begin(given, n), (jnp.arange(length - 1), uniforms[:, :-1].T))
    last = draw(filtered(carry[0]), uniforms[:, -1])  # after which nothing is asked for
    return jnp.concatenate([first.T, last[:, None]], axis=1)


def cached_steps(transformer: Any, params: Tree, segment: int) -> Steps:
    """Steps of a transformer, which keeps keys and values.

    Args:
        transformer: a causal `genjax.models.transformer.Transformer`.
        params: of it.
        segment: which one is decoded; those before it are given.
    """
    variables = {"params": params}

    def begin(given: Given, rows: int) -> tuple[Array, Any]:
        return transformer.apply(variables, given, rows, method="begin")

    def advance(tokens: Array, index: Array, cache: Any) -> tuple[Array, Any]:
        return transformer.apply(variables, tokens, index, cache, segment, method="advance")

    return Steps(begin, advance)


def uncached_steps(transformer: Any, params: Tree, segment: int) -> Steps:
    """The same from nothing but the tokens so far: every step computes every slot. For tests and comparisons."""
    here, later = transformer.segments[segment], transformer.segments[segment + 1 :]

    def logits_at(index: Array, given: Given, tokens: Array) -> Array:
        rest = tuple(jnp.full((len(tokens), other.length), other.absent, jnp.int32) for other in later)
        return transformer.apply({"params": params}, (*given, tokens, *rest), segment, index, method="logits_at")

    def begin(given: Given, rows: int) -> tuple[Array, Any]:
        tokens = jnp.full((rows, here.length), here.absent, jnp.int32)
        return logits_at(jnp.int32(0), given, tokens), (given, tokens)

    def advance(new: Array, index: Array, cache: Any) -> tuple[Array, Any]:
        given, tokens = cache
        tokens = lax.dynamic_update_slice_in_dim(tokens, new[:, None], index, axis=1)
        return logits_at(index + 1, given, tokens), (given, tokens)

    return Steps(begin, advance)
