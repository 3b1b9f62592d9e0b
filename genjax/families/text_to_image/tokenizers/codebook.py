"""A codebook that follows what the encoder gives, without gradients; and how often each of its codes is chosen.

A code is the moving average of the vectors that chose it. (van den Oord et al. 2017, appendix A.1; Razavi et al. 2019)
One that hardly any vector chooses is moved to a vector of the batch that is far from its code, as k-means++ places its
centres (Arthur & Vassilvitskii 2007): else most of a codebook may never come into use.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from genjax.families.learner import Metrics
from genjax.families.step import choose
from genjax.losses.quantization import perplexity, usage

LEAST = 1e-6  # count of a code, as a share, from which on its average is known


class CodeAverages(NamedTuple):
    """Moving averages whose quotient is the codebook.

    Attributes:
        counts: (codes,), vectors of a batch that choose each code, N in the paper.
        sums: (codes, code_size), the sum of these vectors, m.
    """

    counts: Array
    sums: Array


class CodeUse(NamedTuple):
    """Counts of how often each code was chosen, int32 (codes,).

    Attributes:
        running: in the epoch that has begun.
        complete: in the one before; zeros until there is one.
    """

    running: Array
    complete: Array


def first_averages(codebook: Array, *, known: bool) -> CodeAverages:
    """Returns the averages before the first step.

    Of a codebook that came from a source, or of none, so that all codes are placed anew.
    """
    # Strongly typed, as they are after a step: a weak type has JAX compile the step twice.
    counts = jnp.full(len(codebook), known, jnp.float32)
    return CodeAverages(counts, counts[:, None] * codebook)


def follow(
    key: Array,
    codebook: Array,
    averages: CodeAverages,
    vectors: Array,
    tokens: Array,
    *,
    decay: float,
    restart_below: float,
) -> tuple[Array, CodeAverages]:
    """Moves the codebook and its averages by a batch.

    Args:
        key: of which vectors the dead codes are moved to.
        codebook: before the batch.
        averages: before the batch. Counts are in shares: 1 is what each code would have if all were chosen equally.
        vectors: (m, code_size) of the encoder, of all images and places.
        tokens: (m,), the code of each.
        decay: of the averages, gamma in the paper (.99).
        restart_below: count, as such a share, under which a code is dead; 0 is off.
    Returns:
        Codes (codes, code_size), and the averages.
    """
    codes = len(averages.counts)
    chosen = jax.nn.one_hot(tokens, codes, dtype=vectors.dtype) * (codes / len(vectors))
    counts = decay * averages.counts + (1 - decay) * chosen.sum(axis=0)
    sums = decay * averages.sums + (1 - decay) * chosen.T @ vectors
    # An average of next to nothing is rounding: such a code stays where it is.
    known = (counts > LEAST)[:, None]
    codebook = jnp.where(known, sums / jnp.maximum(counts, LEAST)[:, None], codebook)
    dead = (counts <= restart_below)[:, None] & (restart_below > 0)
    places = far_vectors(key, vectors, codebook[tokens], codes)
    codebook = jnp.where(dead, places, codebook)
    counts = jnp.where(dead[:, 0], 1.0, counts)
    return codebook, CodeAverages(counts, counts[:, None] * codebook)


def far_vectors(key: Array, vectors: Array, quantized: Array, n: int) -> Array:
    """Draws `n` of the vectors, weighted by their squared distance to their codes.

    Begins again with the first where there are fewer.

    Without replacement, by Gumbel noise on the logarithm of the distance. (Efraimidis & Spirakis 2006)
    """
    distances = jnp.square(vectors - quantized).sum(axis=-1)
    ranks = jnp.log(distances + 1e-12) + jax.random.gumbel(key, distances.shape)
    _, order = jax.lax.top_k(ranks, min(n, len(vectors)))
    return vectors[order[jnp.arange(n) % len(order)]]


def first_use(codes: int) -> CodeUse:
    """Returns the use of codes before any was chosen."""
    return CodeUse(jnp.zeros(codes, jnp.int32), jnp.zeros(codes, jnp.int32))


def count_use(use: CodeUse, tokens: Array, *, step: Array, images_per_epoch: int) -> CodeUse:
    """Counts the tokens (n, places) of this step's images; an epoch that ends with them is complete.

    Args:
        use: before.
        tokens: of the batch.
        step: number of the step, from 0.
        images_per_epoch: images of the set; 0 counts from the beginning of training, without end.
    """
    running = use.running + jnp.bincount(tokens.reshape(-1), length=len(use.running)).astype(jnp.int32)
    if not images_per_epoch:
        return CodeUse(running, use.complete)
    # The place in the epoch is found without the number of images seen, which may not fit into 32 bits.
    before = (step % images_per_epoch) * (len(tokens) % images_per_epoch) % images_per_epoch
    ends = before + len(tokens) >= images_per_epoch
    return choose(ends, CodeUse(jnp.zeros_like(running), running), CodeUse(running, use.complete))


def describe_use(use: CodeUse) -> Metrics:
    """Measures usage and perplexity over the last complete epoch; until there is one, over what was seen."""
    counts = jnp.where(use.complete.any(), use.complete, use.running)
    return {"codebook/usage": usage(counts), "codebook/perplexity": perplexity(counts)}
