"""Cross-entropies of tokens, in nats: one value per token or per image, never reduced over the batch.

The padding of a caption is predicted like any word, as in DALL-E, whose padding tokens are learned, one for each
position: where a caption ends is part of what it says, and a transformer that writes captions must know it. Padding
that follows padding is certain and soon costs nothing.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from genjax.losses.shapes import same_shape


def token_nats(logits: Float[Array, "n length v"], tokens: Int[Array, "n length"]) -> Float[Array, "n length"]:
    """-log p of each token, in nats.

    Args:
        logits: any reals.
        tokens: in [0, v).
    """
    same_shape(logits=logits[..., 0], tokens=tokens)
    chosen = jnp.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0]
    return jax.nn.logsumexp(logits, axis=-1) - chosen


def weighted_nats(
    condition: Float[Array, "n c"], target: Float[Array, "n t"], *, condition_weight: float = 0.125
) -> Float[Array, " n"]:
    """Both segments' mean nats per token, weighted 1 to 7 as in DALL-E. (Ramesh et al. 2021, section 2.2)

    Args:
        condition: nats of the tokens that come first, the caption; of no effect at weight 0.
        target: nats of those that follow, the image.
        condition_weight: part of the first; the second has the rest.
    Returns:
        Weighted nats per token, one value per sequence (n,).
    """
    same_shape(condition=condition[:, 0], target=target[:, 0])
    return condition_weight * condition.mean(axis=1) + (1 - condition_weight) * target.mean(axis=1)


def masked_nats(nats: Float[Array, "n t"], hidden: Bool[Array, "n t"]) -> Float[Array, " n"]:
    """Nats of the tokens that were hidden, summed over them: (n,). (Chang et al. 2022, eq. 1)"""
    same_shape(nats=nats, hidden=hidden)
    return jnp.where(hidden, nats, 0.0).sum(axis=1)
