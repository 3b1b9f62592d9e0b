"""ADA's operations on the plane: each makes one affine map an image. (Karras et al. 2020, appendix B)

An operation is (noise, size) -> matrices (n, 3, 3) that lead from a pixel of the result to the place where it is read,
as `warp` wants them: the inverse of what the eye sees. In a product the last operation stands on the right.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from genjax.augment.draws import Noise, integer, normal

Maps = Float[Array, "n 3 3"]


def x_flip(noise: Noise, size: int) -> Maps:
    """Left and right exchanged in every second image."""
    return _stretch(1 - 2 * integer(noise[:, 0], 2), jnp.ones(len(noise)))


def rotate90(noise: Noise, size: int) -> Maps:
    """Turned by 0, 90, 180 or 270 degrees, all alike probable."""
    return jnp.round(_turn(integer(noise[:, 0], 4) * (jnp.pi / 2)))  # sines are then 0 and 1 exactly


def integer_translation(noise: Noise, size: int) -> Maps:
    """Shifted by whole pixels, uniformly up to an eighth of the size in x and y."""
    return _shift(jnp.round(noise * (size / 8)))


def scale(noise: Noise, size: int) -> Maps:
    """Larger by a factor 2^(.2 N)."""
    factor = 2 ** (0.2 * normal(noise[:, 0]))
    return _stretch(factor, factor)


def rotation(noise: Noise, size: int) -> Maps:
    """Turned by any angle, all alike probable."""
    return _turn(jnp.pi * noise[:, 0])


def tilt(noise: Noise, size: int) -> Maps:
    """Turned by up to 15 degrees either way: not in the paper, for images that have an upright, as letters do."""
    return _turn(jnp.pi / 12 * noise[:, 0])


def anisotropic_scale(noise: Noise, size: int) -> Maps:
    """Wider by 2^(.2 N) and lower by the same. The paper turns the axes too; here they are the image's."""
    factor = 2 ** (0.2 * normal(noise[:, 0]))
    return _stretch(factor, 1 / factor)


def fractional_translation(noise: Noise, size: int) -> Maps:
    """Shifted by a normal distance of standard deviation an eighth of the size, in x and y."""
    return _shift(normal(noise) * (size / 8))


def _turn(angle: Array) -> Array:
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    return _affine((cosine, -sine, 0), (sine, cosine, 0))


def _stretch(x: Array, y: Array) -> Array:
    return _affine((1 / x, 0, 0), (0, 1 / y, 0))


def _shift(by: Array) -> Array:
    return _affine((1, 0, -by[:, 0]), (0, 1, -by[:, 1]))


def _affine(*rows: tuple[Array | int, Array | int, Array | int]) -> Array:
    entries = jnp.broadcast_arrays(*(jnp.asarray(entry, jnp.float32) for row in (*rows, (0, 0, 1)) for entry in row))
    return jnp.stack(entries, axis=-1).reshape(-1, 3, 3)
