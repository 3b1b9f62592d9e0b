"""MixUp: convex combinations of two batches, for images and for latent vectors alike. (Zhang et al. 2018)"""

import jax
from jaxtyping import Array, Float, Key


def mixup(
    key: Key[Array, ""], first: Float[Array, "n *d"], second: Float[Array, "n *d"], *, alpha: float
) -> tuple[Float[Array, "n *d"], Float[Array, " n"]]:
    """Mixes row i of both: s first_i + (1 - s) second_i, s drawn from Beta(alpha, alpha) for each row.

    Args:
        key: key of the shares.
        first: rows (n, ...).
        second: rows of the same shape.
        alpha: above 0; small ones leave most rows nearly as they are, 1 mixes evenly. .2 in the paper's GAN.
    Returns:
        Mixed rows (n, ...), and the share of the first in each (n,).
    """
    share = jax.random.beta(key, alpha, alpha, (len(first),), first.dtype)
    of_row = share.reshape(-1, *[1] * (first.ndim - 1))
    return of_row * first + (1 - of_row) * second, share
