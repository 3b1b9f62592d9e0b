"""Consistency regularisation: a critic says the same of an image and of the image slightly changed.

Changed means shifted (bCR: Zhao et al. 2021, "Improved consistency regularization for GANs"; of real images alone it is
CR, Zhang et al. 2020) or generated from a latent vector near by (zCR, in the same paper). The generator, in turn, is
rewarded for telling near latent vectors apart, or it would make one image of them all.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from genjax.losses.shapes import same_shape


def consistency(logits: Float[Array, " n"], changed: Float[Array, " n"]) -> Float[Array, " n"]:
    """Computes |D(x) - D(T(x))|^2, unweighted.

    Args:
        logits: logits of images (n,).
        changed: logits of the same images, changed (n,).
    Returns:
        Penalty per image (n,), at least 0.
    """
    same_shape(logits=logits, changed=changed)
    return jnp.square(logits - changed)


def sensitivity(images: Float[Array, "n h w c"], near: Float[Array, "n h w c"]) -> Float[Array, " n"]:
    """Computes |G(z) - G(z + e)|^2, which zCR subtracts from the generator's loss, as a mean over an image's values.

    Args:
        images: generated images (n, h, w, c).
        near: images of latent vectors near those (n, h, w, c).
    Returns:
        Mean squared difference per image (n,), at least 0.
    """
    same_shape(images=images, near=near)
    return jnp.square(images - near).mean(axis=(1, 2, 3))
