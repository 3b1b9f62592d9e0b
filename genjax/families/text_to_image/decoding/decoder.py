"""Building a decoder from a transformer and settings, and picking the best of several candidates by a score."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from genjax.errors import InputError
from genjax.families.text_to_image.decoding.autoregressive import (
    Given,
    cached_steps,
    decode_autoregressively,
    uncached_steps,
)
from genjax.families.text_to_image.decoding.filters import Filter, make_filter
from genjax.families.text_to_image.decoding.guidance import guided_infill, guided_steps
from genjax.families.text_to_image.decoding.parallel import decode_in_parallel, infill_of
from genjax.families.text_to_image.network_options import DecodingConfig
from genjax.tree import Tree


class Decoder(NamedTuple):
    """The decoding function of one segment.

    Attributes:
        uniforms: random numbers in [0, 1) that one sequence needs; they are its latents.
        decode: function (params, given, random numbers (n, uniforms)) -> tokens (n, length).
    """

    uniforms: int
    decode: Callable[[Tree, Given, Array], Array]


def autoregressive_decoder(
    transformer: Any, decoding: DecodingConfig, *, segment: int = -1, cached: bool = True
) -> Decoder:
    """Builds a decoder that draws one token after the other.

    Args:
        transformer: causal transformer.
        decoding: settings, of which temperature, top-k, top-p and guidance are used.
        segment: number of the segment to decode; those before it are given.
        cached: False computes every slot in every step, for comparison.
    Raises:
        InputError: settings out of range for the segment.
    """
    segment %= len(transformer.segments)  # -1 is the last
    made, filtered = transformer.segments[segment], _filter(transformer.segments[segment], decoding)
    absent = tuple(before.absent for before in transformer.segments[:segment])

    def decode(params: Tree, given: Given, uniforms: Array) -> Array:
        steps = (cached_steps if cached else uncached_steps)(transformer, params, segment)
        if decoding.guidance != 1:  # at 1 the unconditional branch has weight 0
            steps = guided_steps(steps, absent, decoding.guidance)
        return decode_autoregressively(steps, given, uniforms, filtered=filtered)

    return Decoder(made.length, decode)


def parallel_decoder(transformer: Any, decoding: DecodingConfig) -> Decoder:
    """Builds a decoder that fills all tokens of the last segment in a few steps.

    Args:
        transformer: transformer that is not causal.
        decoding: settings, all of which are used.
    Raises:
        InputError: settings out of range for the segment.
    """
    *before, made = transformer.segments
    filtered = _filter(made, decoding)
    if decoding.steps > made.length:
        raise InputError(
            f"{decoding.steps} steps to decode {made.length} tokens were asked for. Use {made.length} or fewer."
        )

    def decode(params: Tree, given: Given, uniforms: Array) -> Array:
        infill = infill_of(transformer, params)
        if decoding.guidance != 1:
            infill = guided_infill(infill, tuple(segment.absent for segment in before), decoding.guidance)
        return decode_in_parallel(
            infill,
            given,
            jnp.full((len(uniforms), made.length), made.absent, jnp.int32),  # all are hidden at first
            uniforms.reshape(-1, decoding.steps, 2, made.length),
            absent=made.absent,
            filtered=filtered,
            choice_temperature=decoding.choice_temperature,
        )

    return Decoder(decoding.steps * 2 * made.length, decode)  # a token's draw and its noise, in every step


def repeated(conditions: Int[Array, "n t"], candidates: int) -> Int[Array, "n*{candidates} t"]:
    """Repeats each condition `candidates` times, copies next to each other."""
    return jnp.repeat(conditions, candidates, axis=0)


def best_of(made: Array, scores: Float[Array, " nk"], candidates: int) -> Array:
    """Picks the candidate of the highest score for each condition. (Ramesh et al. 2021, section 2.6)

    The first of equal ones is picked, and one whose score is NaN never.

    Args:
        made: candidates (n * candidates, ...), those of one condition next to each other.
        scores: scores (n * candidates,), high for good.
        candidates: number of candidates of each condition.
    Returns:
        Picked candidates (n, ...).
    """
    # (n * candidates,) to (n, candidates)
    table = jnp.where(jnp.isnan(scores), -jnp.inf, scores).reshape(-1, candidates)
    # Row i * candidates + argmax_j score_ij
    return made[jnp.arange(len(table)) * candidates + table.argmax(axis=1)]


def _filter(segment: Any, decoding: DecodingConfig) -> Filter:
    return make_filter(segment.vocabulary, temperature=decoding.temperature, top_k=decoding.top_k, top_p=decoding.top_p)
