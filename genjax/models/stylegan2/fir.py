"""Doubling and halving of images by the filter [1, 3, 3, 1], which is bilinear. (Karras et al. 2020, arXiv 1912.04958)

Each is a sum of shifted images: XLA's gradient of a depthwise convolution is slow, on a CPU fifty times the time of
these sums. Outside an image its edge is repeated, so that a constant image stays constant up to its border.
"""

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

ROWS, COLUMNS = 1, 2  # axes of images (n, h, w, c)


def upsampled(images: Float[Array, "n h w c"]) -> Float[Array, "n 2*h 2*w c"]:
    """Doubles images by the filter: each new pixel is 3/4 of its nearest pixel and 1/4 of the next, in either axis."""
    return _doubled(_doubled(images, ROWS), COLUMNS)


def downsampled(images: Float[Array, "n h w c"]) -> Float[Array, "n h//2 w//2 c"]:
    """Halves images by the filter: the weighted mean of four pixels by 1, 3, 3 and 1, in either axis."""
    return _halved(_halved(images, ROWS), COLUMNS)


def _doubled(images: Array, axis: int) -> Array:
    # y[2i] = x[i-1] / 4 + 3 x[i] / 4 and y[2i+1] = 3 x[i] / 4 + x[i+1] / 4
    before = lax.concatenate([_part(images, axis, 0, 1), _part(images, axis, 0, -1)], axis)  # x[i-1]
    after = lax.concatenate([_part(images, axis, 1, None), _part(images, axis, -1, None)], axis)  # x[i+1]
    near = 0.75 * images
    shape = [2 * length if place == axis else length for place, length in enumerate(images.shape)]
    return jnp.stack([0.25 * before + near, near + 0.25 * after], axis=axis + 1).reshape(shape)


def _halved(images: Array, axis: int) -> Array:
    # y[i] = (x[2i-1] + 3 x[2i] + 3 x[2i+1] + x[2i+2]) / 8
    length = images.shape[axis]
    pairs = images.reshape(*images.shape[:axis], length // 2, 2, *images.shape[axis + 1 :])
    even, odd = (lax.index_in_dim(pairs, place, axis + 1, keepdims=False) for place in (0, 1))
    before = lax.concatenate([_part(even, axis, 0, 1), _part(odd, axis, 0, -1)], axis)  # x[2i-1]
    after = lax.concatenate([_part(even, axis, 1, None), _part(odd, axis, -1, None)], axis)  # x[2i+2]
    return 0.375 * (even + odd) + 0.125 * (before + after)


def _part(images: Array, axis: int, start: int, stop: int | None) -> Array:
    return lax.slice_in_dim(images, start, stop, axis=axis)
