"""Filters of logits (temperature, top-k, top-p), and drawing a token from them.

A filter maps logits to logits, minus infinity for tokens that may not be drawn. A token is drawn by the inverse of the
cumulative distribution at a given number in [0, 1), so that decoding is deterministic in these numbers: two models that
are nearly equal draw nearly equal tokens, and images of a source and its adaptation can be compared one by one.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from genjax.errors import InputError

Filter = Callable[[Array], Array]


def make_filter(vocabulary: int, *, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0) -> Filter:
    """Builds a filter: temperature, then top-k, then top-p among these; each is off at its default.

    Args:
        vocabulary: number of tokens.
        temperature: divisor of the logits, 0 or more; 0 keeps only the likeliest token.
        top_k: number of likeliest tokens to keep; 0 is off.
        top_p: probability of the likeliest tokens to keep (the nucleus), in (0, 1].
    Raises:
        InputError: a value out of range; a top_k that exceeds the vocabulary.
    """
    if not temperature >= 0:
        raise InputError(f"a temperature of {temperature} was given. Use 0 or more.")
    if not 0 <= top_k <= vocabulary:
        raise InputError(f"the {top_k} likeliest of {vocabulary} tokens were asked for. Use 1 to {vocabulary}, or 0.")
    if not 0 < top_p <= 1:
        raise InputError(f"a nucleus of probability {top_p} was asked for. Use one above 0 and up to 1.")

    def filtered(logits: Array) -> Array:
        if temperature == 0:
            return likeliest(logits)
        logits = logits / temperature
        logits = keep_top_k(logits, top_k) if 0 < top_k < vocabulary else logits
        return keep_top_p(logits, top_p) if top_p < 1 else logits

    return filtered


def likeliest(logits: Float[Array, "*n v"]) -> Float[Array, "*n v"]:
    """Keeps only the first of the likeliest tokens."""
    best = jnp.argmax(logits, axis=-1)
    return jnp.where(jax.nn.one_hot(best, logits.shape[-1], dtype=bool), logits, -jnp.inf)


def keep_top_k(logits: Float[Array, "*n v"], k: int) -> Float[Array, "*n v"]:
    """Keeps the k likeliest tokens, and those that are as likely as the last of them. (Fan et al. 2018)"""
    lowest = lax.top_k(logits, k)[0][..., -1:]  # the k-th largest logit, (..., 1)
    return jnp.where(logits >= lowest, logits, -jnp.inf)


def keep_top_p(logits: Float[Array, "*n v"], p: float) -> Float[Array, "*n v"]:
    """Keeps the smallest set of likeliest tokens whose probability is p or more. (Holtzman et al. 2020, eq. 2)

    Tokens that are as likely as the last of the set are kept too; the likeliest always is.
    """
    falling = -jnp.sort(-logits, axis=-1)  # descending
    probabilities = jax.nn.softmax(falling, axis=-1)
    before = jnp.cumsum(probabilities, axis=-1) - probabilities  # probability of all likelier tokens
    # A token is in the nucleus while the likelier ones have less than p together.
    lowest = jnp.where(before < p, falling, jnp.inf).min(axis=-1, keepdims=True)
    return jnp.where(logits >= lowest, logits, -jnp.inf)


def draw(logits: Float[Array, "*n v"], uniform: Float[Array, "*n"]) -> Int[Array, "*n"]:
    """Draws the token at which the cumulative distribution passes `uniform`.

    Args:
        logits: logits (..., v), minus infinity for tokens that may not be drawn.
        uniform: random numbers in [0, 1), (...).
    Returns:
        Tokens (...), int32.
    """
    weights = jnp.exp(logits - logits.max(axis=-1, keepdims=True))
    cumulative = jnp.cumsum(weights, axis=-1)
    # Smallest k with sum_{i <= k} w_i > u * sum_i w_i
    passed = cumulative <= uniform[..., None] * cumulative[..., -1:]
    # A parallel sum may round equal prefixes differently, and so stop at a token of weight 0: then the next one that
    # may be drawn is taken, or the last.
    places = lax.broadcasted_iota(jnp.int32, weights.shape, weights.ndim - 1)
    allowed = weights > 0
    last = jnp.where(allowed, places, 0).max(axis=-1)
    following = allowed & (places >= passed.sum(axis=-1)[..., None])
    return jnp.where(following.any(axis=-1), following.argmax(axis=-1), last).astype(jnp.int32)
