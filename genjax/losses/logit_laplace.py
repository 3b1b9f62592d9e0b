"""The logit-Laplace likelihood of pixels, a density on the open interval (0, 1). (Ramesh et al. 2021, appendix A.3)

A Laplace density of logit(x): its support is that of pixels, unlike a Gaussian's, which puts mass outside. Pixels are
first mapped into (epsilon, 1 - epsilon), since the logit of 0 or 1 is infinite; the mean is mapped back.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from genjax.losses.shapes import same_shape

PIXELS = (1, 2, 3)
EPSILON = 0.1  # of the map of the pixels; the paper's
# Of the logarithm of the scale, soft: exp(-4) = .018, one and a half 8-bit levels of a middle grey (.0125) and half a
# level of black (.035). Without a floor a set with a black ground would have an infinite density.
LOG_SCALE_FLOOR = -4.0


def to_open_interval(images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
    """Images in [-1, 1] to (epsilon, 1 - epsilon)."""
    return (1 - 2 * EPSILON) * (images + 1) / 2 + EPSILON


def from_open_interval(pixels: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
    """The inverse, cut off at [-1, 1]."""
    return jnp.clip(2 * (pixels - EPSILON) / (1 - 2 * EPSILON) - 1, -1, 1)


def logit_laplace_log_likelihood(
    images: Float[Array, "n h w c"], mean: Float[Array, "n h w c"], log_scale: Float[Array, "n h w c"]
) -> Float[Array, " n"]:
    """log of `exp(-|logit x - mean| / scale) / (2 scale x (1 - x))` at the mapped pixels x, summed.

    Args:
        images: in [-1, 1].
        mean: of logit x, mu; `from_open_interval(sigmoid(mean))` is the image that it stands for.
        log_scale: logarithm of the scale; held above LOG_SCALE_FLOOR softly.
    Returns:
        Nats per image (n,), of a density over (0, 1).
    """
    same_shape(images=images, mean=mean, log_scale=log_scale)
    pixels = to_open_interval(images)
    log_scale = LOG_SCALE_FLOOR + jax.nn.softplus(log_scale - LOG_SCALE_FLOOR)
    log_slope = jnp.log(pixels) + jnp.log1p(-pixels)  # of the inverse of the logit
    distance = jnp.abs(jnp.log(pixels) - jnp.log1p(-pixels) - mean)
    return -(distance * jnp.exp(-log_scale) + math.log(2) + log_scale + log_slope).sum(axis=PIXELS)
