"""ADA's operations on colours, each an affine map of colours for every image. (Karras et al. 2020, appendix B)

An operation is (noise (n, 2), size) -> matrices (n, 4, 4) that act on (red, green, blue, 1), values in [-1, 1]. Results
are not clipped: they may leave that range, so that every value keeps its gradient. N is a standard normal number.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from genjax.augment.draws import Noise, integer, normal

Maps = Float[Array, "n 4 4"]

# A colour is split into its grey part (on the luma axis (1, 1, 1)) and the rest, its chroma.
LUMA = np.full((3, 3), 1 / 3, np.float32)  # projection onto the luma axis
CHROMA = np.eye(3, dtype=np.float32) - LUMA  # projection onto the plane of chroma
QUARTER_TURN = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], np.float32) * np.float32(3**-0.5)  # in that plane, by 90°


def brightness(noise: Noise, size: int) -> Maps:
    """Adds .2 N to all values."""
    return _colours(constant=0.2 * normal(noise[:, 0]))


def contrast(noise: Noise, size: int) -> Maps:
    """Multiplies values by 2^(.5 N); middle grey, 0, stays."""
    factor = 2 ** (0.5 * normal(noise[:, 0]))
    return _colours(luma=factor, chroma=factor)


def luma_flip(noise: Noise, size: int) -> Maps:
    """Exchanges light and dark in half of the images; hue and saturation stay."""
    return _colours(luma=1 - 2 * integer(noise[:, 0], 2))  # 1 or -1


def hue(noise: Noise, size: int) -> Maps:
    """Rotates colours around the luma axis by an angle uniform in (-180, 180) degrees."""
    angle = jnp.pi * noise[:, 0]
    # Rotation in the plane of chroma: cos(a) identity + sin(a) quarter turn
    return _colours(chroma=jnp.cos(angle), turned=jnp.sin(angle))


def saturation(noise: Noise, size: int) -> Maps:
    """Multiplies the distance from grey by 2^N."""
    return _colours(chroma=2 ** normal(noise[:, 0]))


def recolour(images: Float[Array, "n h w c"], matrices: Maps) -> Float[Array, "n h w c"]:
    """Applies to each image its map of colours; the identity returns an image bit for bit.

    Args:
        images: images (n, h, w, c), c 3; or 1, for maps that treat the channels alike.
        matrices: maps (n, 4, 4).
    """
    channels = images.shape[-1]
    linear, constant = matrices[:, :channels, :channels], matrices[:, :channels, 3]  # (n, c, c), (n, c)
    # colour' = A colour + b at every pixel
    mixed = jnp.einsum("nhwc,ndc->nhwd", images, linear, precision="highest")
    return (mixed + constant[:, None, None, :]).astype(images.dtype)


def _colours(
    luma: Array | float = 1.0, chroma: Array | float = 1.0, turned: Array | float = 0.0, constant: Array | float = 0.0
) -> Array:
    """Builds the maps of colours (n, 4, 4) from factors of the grey part, of the chroma and of its quarter turn."""
    # Each (n, 1, 1), to multiply matrices
    luma, chroma, turned, constant = (
        part[:, None, None] for part in jnp.broadcast_arrays(*map(jnp.atleast_1d, (luma, chroma, turned, constant)))
    )
    linear = luma * LUMA[None] + chroma * CHROMA[None] + turned * QUARTER_TURN[None]
    last = jnp.zeros_like(linear[:, :1]), jnp.ones_like(constant)  # the row (0, 0, 0, 1)
    return jnp.block([[linear, jnp.tile(constant, (1, 3, 1))], [*last]])  # (n, 4, 4)
