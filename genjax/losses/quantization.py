"""Vector quantisation: nearest code, straight-through gradient, commitment loss, and measures of codebook use.

(van den Oord et al. 2017, VQ-VAE)
"""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int


def nearest_codes(vectors: Float[Array, "*shape d"], codebook: Float[Array, "codes d"]) -> Int[Array, "*shape"]:
    """Finds the index of the code nearest to each vector, int32: argmin_k |z - e_k|. (equation 1)"""
    return code_distances(vectors, codebook).argmin(axis=-1).astype(jnp.int32)


def code_distances(
    vectors: Float[Array, "*shape d"], codebook: Float[Array, "codes d"]
) -> Float[Array, "*shape codes"]:
    """Computes squared distances of each vector to each code, without the term |z|^2, which is equal for all codes."""
    lengths = jnp.square(codebook).sum(axis=-1)
    products = vectors @ codebook.T
    # |z - e_k|^2 - |z|^2 = |e_k|^2 - 2 z.e_k, (..., codes)
    return lengths.reshape((1,) * (products.ndim - 1) + (-1,)) - 2 * products


def straight_through(
    vectors: Float[Array, "*shape d"], quantized: Float[Array, "*shape d"]
) -> Float[Array, "*shape d"]:
    """Returns the quantised vectors, but passes their gradient on to `vectors` unchanged. (section 3.2)"""
    # z + sg(e - z): the value is e, the gradient that of z
    return vectors + lax.stop_gradient(quantized - vectors)


def commitment(vectors: Float[Array, "n h w d"], quantized: Float[Array, "n h w d"]) -> Float[Array, " n"]:
    """Computes the commitment loss, summed over positions. (equation 3, third term, without beta)

    Its gradient goes to the vectors only: the codes are updated by a moving average.

    Args:
        vectors: output of the encoder (n, h, w, d).
        quantized: nearest codes (n, h, w, d).
    Returns:
        Loss per image (n,), at least 0.
    """
    # |z - sg(e)|^2
    return jnp.square(vectors - lax.stop_gradient(quantized)).sum(axis=(1, 2, 3))


def usage(counts: Int[Array, " codes"] | Float[Array, " codes"]) -> Float[Array, ""]:
    """Computes the fraction of codes that were chosen at least once, from 0 to 1."""
    return (counts > 0).mean(dtype=jnp.float32)


def perplexity(counts: Int[Array, " codes"] | Float[Array, " codes"]) -> Float[Array, ""]:
    """Computes the perplexity of the codes: the number of equally used codes that would have their entropy.

    It is too low when counted over few images: one batch is not enough.

    Args:
        counts: times that each code was chosen (codes,).
    Returns:
        exp(entropy), from 1 to the number of codes; 0 if nothing was counted.
    """
    counts = counts.astype(jnp.float32)
    total = counts.sum()
    shares = counts / jnp.maximum(total, 1)
    # H = -sum_k p_k log p_k, with 0 log 0 = 0
    entropy = -(shares * jnp.log(jnp.where(shares > 0, shares, 1))).sum()
    return jnp.where(total > 0, jnp.exp(entropy), 0.0)
