"""Likelihoods of an image under a decoder's output, in nats per image: sums over pixels, never over the batch.

Images and means are in [-1, 1], (n, h, w, c). Gaussian scales are in the same unit: densities are over [-1, 1].
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from genjax.losses.shapes import same_shape

PIXELS = (1, 2, 3)  # axes to sum over
# Soft lower bound of log sigma (Rybkin et al. 2021): exp(-6) = .0025 is a third of an 8-bit level in [-1, 1].
SCALE_FLOOR = -6.0


def bernoulli_log_likelihood(images: Float[Array, "n h w c"], logits: Float[Array, "n h w c"]) -> Float[Array, " n"]:
    """Computes log p(x) of Bernoulli pixels, summed over pixels; finite for any finite logits.

    Args:
        images: images in [-1, 1], (n, h, w, c); the target t = (x + 1) / 2 may lie between 0 and 1.
        logits: logits of a pixel being 1, (n, h, w, c).
    Returns:
        Nats per image (n,), at most 0.
    """
    same_shape(images=images, logits=logits)
    targets = (images + 1) / 2
    # t log sigmoid(l) + (1 - t) log(1 - sigmoid(l)) = t l - softplus(l)
    return (targets * logits - jax.nn.softplus(logits)).sum(axis=PIXELS)


def gaussian_log_likelihood(
    images: Float[Array, "n h w c"], mean: Float[Array, "n h w c"], *, scale: float | Float[Array, ""]
) -> Float[Array, " n"]:
    """Computes log N(x; mean, scale^2), summed over pixels.

    Args:
        images: images in [-1, 1], (n, h, w, c).
        mean: mean of the density, (n, h, w, c).
        scale: standard deviation of every value, positive; a parameter if the model learns it.
    Returns:
        Nats per image (n,).
    """
    same_shape(images=images, mean=mean)
    # -(x - mean)^2 / (2 scale^2) - log scale - log(2 pi) / 2
    log_density = -0.5 * ((images - mean) / scale) ** 2 - jnp.log(scale) - 0.5 * math.log(2 * math.pi)
    return log_density.sum(axis=PIXELS)


def optimal_gaussian_log_likelihood(
    images: Float[Array, "n h w c"], mean: Float[Array, "n h w c"]
) -> Float[Array, " n"]:
    """Computes the Gaussian log-likelihood with the best scale for this batch. (Rybkin et al. 2021, sigma-VAE)

    The scale is the root mean squared error over the batch and all values, softly bounded below by exp(SCALE_FLOOR);
    gradients flow through it. The value of an image therefore depends on the whole batch: padding changes it.

    Args:
        images: images in [-1, 1], (n, h, w, c).
        mean: mean of the density, (n, h, w, c).
    Returns:
        Nats per image (n,).
    """
    same_shape(images=images, mean=mean)
    # sigma^2 = mean (x - mean)^2. 1e-12, since log(0) has no gradient, is far below the bound, exp(-6)^2 = 6e-6.
    log_scale = 0.5 * jnp.log(jnp.square(images - mean).mean() + 1e-12)
    log_scale = SCALE_FLOOR + jax.nn.softplus(log_scale - SCALE_FLOOR)  # max(floor, log sigma), smooth
    return gaussian_log_likelihood(images, mean, scale=jnp.exp(log_scale))


def squared_error(images: Float[Array, "n h w c"], reconstruction: Float[Array, "n h w c"]) -> Float[Array, " n"]:
    """Computes the squared distance between image and reconstruction, summed over pixels: (n,)."""
    same_shape(images=images, reconstruction=reconstruction)
    return jnp.square(images - reconstruction).sum(axis=PIXELS)
