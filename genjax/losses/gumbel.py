"""Gumbel-softmax: categorical latents with gradients, and their KL divergence from the uniform prior."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key


def gumbel_softmax(
    key: Key[Array, ""], logits: Float[Array, "*shape codes"], temperature: Float[Array, ""] | float
) -> Float[Array, "*shape codes"]:
    """Samples a relaxed categorical, nearly one-hot at a low temperature. (Jang et al. 2017, eq. 2)

    At any temperature the largest entry is an exact sample of the categorical. (Maddison et al. 2017)

    Args:
        key: key of the noise.
        logits: unnormalised log-probabilities (..., codes).
        temperature: temperature above 0.
    Returns:
        Weights (..., codes) that sum to 1.
    """
    noise = jax.random.gumbel(key, logits.shape, logits.dtype)
    # softmax((logits + g) / temperature), g Gumbel noise
    return jax.nn.softmax((logits + noise) / temperature, axis=-1)


def uniform_kl(logits: Float[Array, "n positions codes"]) -> Float[Array, "n positions"]:
    """Computes KL(softmax(logits) || uniform) at each position.

    Args:
        logits: unnormalised log-probabilities (n, positions, codes).
    Returns:
        Nats (n, positions), from 0 to log(codes).
    """
    log_probabilities = jax.nn.log_softmax(logits, axis=-1)
    # sum_k p_k log p_k + log(codes): the largest entropy minus the entropy
    return (jnp.exp(log_probabilities) * log_probabilities).sum(axis=-1) + jnp.log(float(logits.shape[-1]))  # (n, t)
