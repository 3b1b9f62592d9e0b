"""Categorical latents that have gradients: relaxed draws, and their divergence from the uniform prior."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key


def gumbel_softmax(
    key: Key[Array, ""], logits: Float[Array, "*shape codes"], temperature: Float[Array, ""] | float
) -> Float[Array, "*shape codes"]:
    """`softmax((logits + g) / temperature)` with Gumbel noise g: near one-hot draws for a low temperature.

    (Jang et al. 2017, eq. 2; Maddison et al. 2017) At any temperature the largest entry is a draw of the categorical.

    Args:
        key: of the noise.
        logits: unnormalised log-probabilities.
        temperature: above 0.
    """
    noise = jax.random.gumbel(key, logits.shape, logits.dtype)
    return jax.nn.softmax((logits + noise) / temperature, axis=-1)


def uniform_kl(logits: Float[Array, "n positions codes"]) -> Float[Array, "n positions"]:
    """KL(softmax(logits) | uniform) at each position, in nats: log codes less the entropy, from 0 to log codes."""
    log_probabilities = jax.nn.log_softmax(logits, axis=-1)
    return (jnp.exp(log_probabilities) * log_probabilities).sum(axis=-1) + jnp.log(float(logits.shape[-1]))
