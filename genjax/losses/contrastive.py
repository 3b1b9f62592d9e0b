"""The contrastive loss between images and texts: one value per pair, never reduced over the batch."""

import jax
from jaxtyping import Array, Bool, Float, Int

from genjax.losses.shapes import same_shape


def info_nce(logits: Float[Array, "n n"], alike: Bool[Array, "n n"]) -> Float[Array, " n"]:
    """The symmetric cross-entropy of finding the text of an image and the image of a text, in nats. (CLIP, figure 3)

    Texts of a small language come more than once in a batch. Pairs that are alike are all right answers, each with an
    equal part of the target. (Yang et al. 2022, UniCL, eq. 2 and 3) With the identity it is Radford et al.'s loss.

    Args:
        logits: similarity of image i (row) and text j (column), times the scale.
        alike: whether text j fits image i as well as its own does; symmetric, true on the diagonal.
    Returns:
        Half the sum of both cross-entropies, for each pair (n,).
    """
    same_shape(logits=logits, alike=alike)
    target = alike / alike.sum(axis=1, keepdims=True)
    texts = -(target * jax.nn.log_softmax(logits, axis=1)).sum(axis=1)
    images = -(target * jax.nn.log_softmax(logits.T, axis=1)).sum(axis=1)
    return 0.5 * (texts + images)


def same_rows(tokens: Int[Array, "n t"]) -> Bool[Array, "n n"]:
    """Which rows of tokens (n, t) are equal."""
    return (tokens[:, None] == tokens[None]).all(axis=-1)
