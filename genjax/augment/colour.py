"""ADA's operations on colours: each makes one affine map of colours an image. (Karras et al. 2020, appendix B)

An operation is (noise, size) -> matrices (n, 4, 4) that act on (red, green, blue, 1), values in [-1, 1]. Results are
not clipped: they may leave that range, so that every value keeps its gradient.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from genjax.augment.draws import Noise, integer, normal

Maps = Float[Array, "n 4 4"]

LUMA = np.full((3, 3), 1 / 3, np.float32)  # the part of a colour that is grey
CHROMA = np.eye(3, dtype=np.float32) - LUMA  # and the part that is not
QUARTER_TURN = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], np.float32) * np.float32(3**-0.5)  # of that part


def brightness(noise: Noise, size: int) -> Maps:
    """A normal constant of standard deviation .2 added."""
    return _colours(constant=0.2 * normal(noise[:, 0]))


def contrast(noise: Noise, size: int) -> Maps:
    """Values multiplied by 2^(.5 N); middle grey stays."""
    factor = 2 ** (0.5 * normal(noise[:, 0]))
    return _colours(luma=factor, chroma=factor)


def luma_flip(noise: Noise, size: int) -> Maps:
    """Light and dark exchanged in every second image; hue and saturation stay."""
    return _colours(luma=1 - 2 * integer(noise[:, 0], 2))


def hue(noise: Noise, size: int) -> Maps:
    """Colours turned around the axis of greys by any angle, all alike probable."""
    angle = jnp.pi * noise[:, 0]
    return _colours(chroma=jnp.cos(angle), turned=jnp.sin(angle))


def saturation(noise: Noise, size: int) -> Maps:
    """Distances from grey multiplied by 2^N."""
    return _colours(chroma=2 ** normal(noise[:, 0]))


def recolour(images: Float[Array, "n h w c"], matrices: Maps) -> Float[Array, "n h w c"]:
    """Each image under its map of colours; an image with the identity comes back bit for bit.

    Args:
        images: (n, h, w, c), c 3; or 1, for maps that treat the channels alike.
        matrices: (n, 4, 4).
    """
    channels = images.shape[-1]
    linear, constant = matrices[:, :channels, :channels], matrices[:, :channels, 3]
    mixed = jnp.einsum("nhwc,ndc->nhwd", images, linear, precision="highest")
    return (mixed + constant[:, None, None, :]).astype(images.dtype)


def _colours(
    luma: Array | float = 1.0, chroma: Array | float = 1.0, turned: Array | float = 0.0, constant: Array | float = 0.0
) -> Array:
    """Grey part times `luma`, the rest times `chroma`, plus its quarter turn times `turned`, plus a constant."""
    luma, chroma, turned, constant = (
        part[:, None, None] for part in jnp.broadcast_arrays(*map(jnp.atleast_1d, (luma, chroma, turned, constant)))
    )
    linear = luma * LUMA[None] + chroma * CHROMA[None] + turned * QUARTER_TURN[None]
    last = jnp.zeros_like(linear[:, :1]), jnp.ones_like(constant)
    return jnp.block([[linear, jnp.tile(constant, (1, 3, 1))], [*last]])
