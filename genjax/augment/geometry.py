"""ADA's geometric operations, each an affine map of the plane for every image. (Karras et al. 2020, appendix B)

An operation is (noise (n, 2), size) -> matrices (n, 3, 3) from a pixel of the result to the place where `warp` reads
it: the inverse of the visible movement. In a product the last operation stands on the right. N is a standard normal
number.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from genjax.augment.draws import Noise, integer, normal

Maps = Float[Array, "n 3 3"]


def x_flip(noise: Noise, size: int) -> Maps:
    """Mirrors half of the images left to right."""
    return _stretch(1 - 2 * integer(noise[:, 0], 2), jnp.ones(len(noise)))


def rotate90(noise: Noise, size: int) -> Maps:
    """Rotates by 0, 90, 180 or 270 degrees, each with probability 1/4."""
    return jnp.round(_turn(integer(noise[:, 0], 4) * (jnp.pi / 2)))  # rounded, so that sines are exactly 0 or 1


def integer_translation(noise: Noise, size: int) -> Maps:
    """Shifts by whole pixels, uniformly up to an eighth of the size in x and y."""
    return _shift(jnp.round(noise * (size / 8)))  # whole pixels, which need no interpolation


def scale(noise: Noise, size: int) -> Maps:
    """Scales by 2^(.2 N)."""
    factor = 2 ** (0.2 * normal(noise[:, 0]))
    return _stretch(factor, factor)


def rotation(noise: Noise, size: int) -> Maps:
    """Rotates by an angle uniform in (-180, 180) degrees."""
    return _turn(jnp.pi * noise[:, 0])


def tilt(noise: Noise, size: int) -> Maps:
    """Rotates by an angle uniform in (-15, 15) degrees. Not in the paper: for upright images such as letters."""
    return _turn(jnp.pi / 12 * noise[:, 0])


def anisotropic_scale(noise: Noise, size: int) -> Maps:
    """Scales the width by 2^(.2 N) and the height by its inverse. The paper rotates the axes too; here not."""
    factor = 2 ** (0.2 * normal(noise[:, 0]))
    return _stretch(factor, 1 / factor)  # the area stays


def fractional_translation(noise: Noise, size: int) -> Maps:
    """Shifts by size/8 * N in x and y."""
    return _shift(normal(noise) * (size / 8))


def _turn(angle: Array) -> Array:
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    # ((cos, -sin), (sin, cos)), y pointing down
    return _affine((cosine, -sine, 0), (sine, cosine, 0))


def _stretch(x: Array, y: Array) -> Array:
    # The inverse of a scaling by (x, y)
    return _affine((1 / x, 0, 0), (0, 1 / y, 0))


def _shift(by: Array) -> Array:
    # The inverse of a shift by (x, y)
    return _affine((1, 0, -by[:, 0]), (0, 1, -by[:, 1]))


def _affine(*rows: tuple[Array | int, Array | int, Array | int]) -> Array:
    entries = jnp.broadcast_arrays(*(jnp.asarray(entry, jnp.float32) for row in (*rows, (0, 0, 1)) for entry in row))
    return jnp.stack(entries, axis=-1).reshape(-1, 3, 3)  # (n, 9) to (n, 3, 3)
