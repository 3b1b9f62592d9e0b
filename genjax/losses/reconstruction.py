"""Likelihoods of an image given what a decoder says, in nats per image: sums over pixels, never over the batch.

Images and means are in [-1, 1], (n, h, w, c). Gaussian scales are in the same unit: densities are over [-1, 1].
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from genjax.losses.shapes import same_shape

PIXELS = (1, 2, 3)
SCALE_FLOOR = -6.0  # of log sigma, soft (Rybkin et al. 2021): .0025, a third of an 8-bit level in [-1, 1]


def bernoulli_log_likelihood(images: Float[Array, "n h w c"], logits: Float[Array, "n h w c"]) -> Float[Array, " n"]:
    """log p(x) of pixels that are 1 with probability sigmoid(logit), summed over pixels. Finite for any finite logits.

    Args:
        images: in [-1, 1]; (x + 1) / 2 is the target, which may lie between 0 and 1.
        logits: any reals.
    Returns:
        Nats per image (n,), at most 0.
    """
    same_shape(images=images, logits=logits)
    targets = (images + 1) / 2
    return (targets * logits - jax.nn.softplus(logits)).sum(axis=PIXELS)


def gaussian_log_likelihood(
    images: Float[Array, "n h w c"], mean: Float[Array, "n h w c"], *, scale: float | Float[Array, ""]
) -> Float[Array, " n"]:
    """log N(x; mean, scale^2), summed over pixels.

    Args:
        images: in [-1, 1].
        mean: of the density.
        scale: standard deviation of every value, positive; a parameter if the model learns it.
    Returns:
        Nats per image (n,).
    """
    same_shape(images=images, mean=mean)
    log_density = -0.5 * ((images - mean) / scale) ** 2 - jnp.log(scale) - 0.5 * math.log(2 * math.pi)
    return log_density.sum(axis=PIXELS)


def optimal_gaussian_log_likelihood(
    images: Float[Array, "n h w c"], mean: Float[Array, "n h w c"]
) -> Float[Array, " n"]:
    """The Gaussian log-likelihood with the one scale that is best for this batch. (Rybkin et al. 2021, sigma-VAE)

    That scale is the root mean squared error over the batch and all values, held above exp(SCALE_FLOOR) softly;
    gradients flow through it. An image's value so depends on the whole batch: a padded batch gives other values.

    Args:
        images: in [-1, 1].
        mean: of the density.
    Returns:
        Nats per image (n,).
    """
    same_shape(images=images, mean=mean)
    # 1e-12: log(0) has no gradient. It is far below the floor, exp(-6)^2 = 6e-6.
    log_scale = 0.5 * jnp.log(jnp.square(images - mean).mean() + 1e-12)
    log_scale = SCALE_FLOOR + jax.nn.softplus(log_scale - SCALE_FLOOR)
    return gaussian_log_likelihood(images, mean, scale=jnp.exp(log_scale))


def squared_error(images: Float[Array, "n h w c"], reconstruction: Float[Array, "n h w c"]) -> Float[Array, " n"]:
    """Squared distance between image and reconstruction, summed over pixels: (n,)."""
    same_shape(images=images, reconstruction=reconstruction)
    return jnp.square(images - reconstruction).sum(axis=PIXELS)
