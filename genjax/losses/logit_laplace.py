"""The logit-Laplace likelihood of pixels, a density on the open interval (0, 1). (Ramesh et al. 2021, appendix A.3)

It is a Laplace density of logit(x), so that its support is the range of pixels, while a Gaussian puts mass outside.
Pixels are first mapped into (epsilon, 1 - epsilon), since the logit of 0 or 1 is infinite; the mean is mapped back.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from genjax.losses.shapes import same_shape

PIXELS = (1, 2, 3)  # axes to sum over
EPSILON = 0.1  # margin of the map of the pixels, from the paper
# Soft lower bound of log b: exp(-4) = .018 is one and a half 8-bit levels of middle grey (.0125) and half a level of
# black (.035). Without a bound, images with a black background would have infinite density.
LOG_SCALE_FLOOR = -4.0


def to_open_interval(images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
    """Maps images from [-1, 1] to [epsilon, 1 - epsilon]."""
    return (1 - 2 * EPSILON) * (images + 1) / 2 + EPSILON


def from_open_interval(pixels: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
    """Maps pixels in [epsilon, 1 - epsilon] back to images, clipped to [-1, 1]."""
    return jnp.clip(2 * (pixels - EPSILON) / (1 - 2 * EPSILON) - 1, -1, 1)


def logit_laplace_log_likelihood(
    images: Float[Array, "n h w c"], mean: Float[Array, "n h w c"], log_scale: Float[Array, "n h w c"]
) -> Float[Array, " n"]:
    """Computes log p(x) at the mapped pixels x, summed over pixels. (Ramesh et al. 2021, appendix A.3)

    Args:
        images: images in [-1, 1], (n, h, w, c).
        mean: mean mu of logit(x); `from_open_interval(sigmoid(mean))` is the image that it describes.
        log_scale: logarithm of the scale b; softly bounded below by LOG_SCALE_FLOOR.
    Returns:
        Nats per image (n,), of a density over (0, 1).
    """
    same_shape(images=images, mean=mean, log_scale=log_scale)
    pixels = to_open_interval(images)
    log_scale = LOG_SCALE_FLOOR + jax.nn.softplus(log_scale - LOG_SCALE_FLOOR)  # max(floor, log b), smooth
    # p(x) = exp(-|logit(x) - mu| / b) / (2 b x (1 - x))
    log_slope = jnp.log(pixels) + jnp.log1p(-pixels)  # log x (1 - x)
    distance = jnp.abs(jnp.log(pixels) - jnp.log1p(-pixels) - mean)
    return -(distance * jnp.exp(-log_scale) + math.log(2) + log_scale + log_slope).sum(axis=PIXELS)
