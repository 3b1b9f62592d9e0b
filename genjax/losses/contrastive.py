"""The contrastive loss of images and texts (CLIP), one value per pair, never reduced over the batch."""

import jax
from jaxtyping import Array, Bool, Float, Int

from genjax.losses.shapes import same_shape


def info_nce(logits: Float[Array, "n n"], alike: Bool[Array, "n n"]) -> Float[Array, " n"]:
    """Computes the symmetric cross-entropy between images and texts. (Radford et al. 2021, figure 3)

    In a small language one text occurs several times in a batch. All of its images are then right answers, each with
    an equal share of the target. (Yang et al. 2022, UniCL, eq. 2 and 3) If `alike` is the identity this is CLIP's loss.

    Args:
        logits: similarity of image i (row) and text j (column), times the scale, (n, n).
        alike: True where text j describes image i as its own text does; symmetric, True on the diagonal, (n, n).
    Returns:
        Half the sum of both cross-entropies in nats, per pair (n,).
    """
    same_shape(logits=logits, alike=alike)
    target = alike / alike.sum(axis=1, keepdims=True)  # rows sum to 1
    # -sum_j target_ij log softmax_j(logits_ij): from images to texts, then from texts to images.
    texts = -(target * jax.nn.log_softmax(logits, axis=1)).sum(axis=1)
    images = -(target * jax.nn.log_softmax(logits.T, axis=1)).sum(axis=1)
    return 0.5 * (texts + images)


def same_rows(tokens: Int[Array, "n t"]) -> Bool[Array, "n n"]:
    """Compares all rows of tokens (n, t) with each other: True at (i, j) where they are equal."""
    return (tokens[:, None] == tokens[None]).all(axis=-1)  # (n, n, t) to (n, n)
