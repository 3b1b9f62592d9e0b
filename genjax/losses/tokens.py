"""Cross-entropies of tokens in nats: one value per token or per image, never reduced over the batch.

The padding of a caption is predicted like any word. As in DALL-E each position has a padding token of its own, which is
learned: a transformer that writes captions must know where they end. Padding after padding is certain and soon costs
nothing.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from genjax.losses.shapes import same_shape


def token_nats(logits: Float[Array, "n length v"], tokens: Int[Array, "n length"]) -> Float[Array, "n length"]:
    """Computes -log p of each token.

    Args:
        logits: unnormalised log-probabilities (n, length, v).
        tokens: tokens in [0, v), (n, length).
    Returns:
        Nats per token (n, length), at least 0.
    """
    same_shape(logits=logits[..., 0], tokens=tokens)
    chosen = jnp.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0]  # (n, length)
    # -log p(t) = log sum_v exp(l_v) - l_t
    return jax.nn.logsumexp(logits, axis=-1) - chosen


def weighted_nats(
    condition: Float[Array, "n c"], target: Float[Array, "n t"], *, condition_weight: float = 0.125
) -> Float[Array, " n"]:
    """Averages the nats per token of two segments, weighted 1 to 7 as in DALL-E. (Ramesh et al. 2021, section 2.2)

    Args:
        condition: nats of the tokens that come first, the caption (n, c); without effect at weight 0.
        target: nats of the tokens that follow, the image (n, t).
        condition_weight: weight of the condition; the target has 1 - condition_weight.
    Returns:
        Weighted nats per token, one value per sequence (n,).
    """
    same_shape(condition=condition[:, 0], target=target[:, 0])
    # w mean_i nats_i(condition) + (1 - w) mean_j nats_j(target)
    return condition_weight * condition.mean(axis=1) + (1 - condition_weight) * target.mean(axis=1)


def masked_nats(nats: Float[Array, "n t"], hidden: Bool[Array, "n t"]) -> Float[Array, " n"]:
    """Sums the nats of the hidden tokens: (n,). (Chang et al. 2022, eq. 1)"""
    same_shape(nats=nats, hidden=hidden)
    # -sum_{i hidden} log p(x_i | visible tokens)
    return jnp.where(hidden, nats, 0.0).sum(axis=1)
