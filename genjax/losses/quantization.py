"""Vector quantisation: the nearest code of a codebook, with a gradient that passes it by. (van den Oord et al. 2017)

And how much of a codebook is in use, from how often each code was chosen.
"""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int


def nearest_codes(vectors: Float[Array, "*shape d"], codebook: Float[Array, "codes d"]) -> Int[Array, "*shape"]:
    """The number of the code at the smallest Euclidean distance to each vector, int32. (equation 1)"""
    return code_distances(vectors, codebook).argmin(axis=-1).astype(jnp.int32)


def code_distances(
    vectors: Float[Array, "*shape d"], codebook: Float[Array, "codes d"]
) -> Float[Array, "*shape codes"]:
    """Squared distances of each vector to each code, less the vector's own squared length, which is all the same."""
    lengths = jnp.square(codebook).sum(axis=-1)
    products = vectors @ codebook.T
    return lengths.reshape((1,) * (products.ndim - 1) + (-1,)) - 2 * products


def straight_through(
    vectors: Float[Array, "*shape d"], quantized: Float[Array, "*shape d"]
) -> Float[Array, "*shape d"]:
    """The quantised vectors, whose gradient goes to the vectors as if nothing had been quantised. (section 3.2)"""
    return vectors + lax.stop_gradient(quantized - vectors)


def commitment(vectors: Float[Array, "n h w d"], quantized: Float[Array, "n h w d"]) -> Float[Array, " n"]:
    """Squared distance of each image's vectors to their codes, summed over positions. (equation 3, without beta)

    Its gradient goes to the vectors alone: the codes follow by their moving average.
    """
    return jnp.square(vectors - lax.stop_gradient(quantized)).sum(axis=(1, 2, 3))


def usage(counts: Int[Array, " codes"] | Float[Array, " codes"]) -> Float[Array, ""]:
    """Part of the codes that were chosen at all, from 0 to 1."""
    return (counts > 0).mean(dtype=jnp.float32)


def perplexity(counts: Int[Array, " codes"] | Float[Array, " codes"]) -> Float[Array, ""]:
    """exp of the entropy of how often each code was chosen: how many codes it would be if all were chosen equally.

    From 1 to the number of codes; 0 where nothing was counted. Counted over few images it is too low: a batch is not
    enough.
    """
    counts = counts.astype(jnp.float32)
    total = counts.sum()
    shares = counts / jnp.maximum(total, 1)
    entropy = -(shares * jnp.log(jnp.where(shares > 0, shares, 1))).sum()
    return jnp.where(total > 0, jnp.exp(entropy), 0.0)
