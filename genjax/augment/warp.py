"""Resampling images under affine maps: one bilinear sampling an image, on a ground of its background's colour.

It has two forms with the same values and gradients. On a CPU a 2x2 window is read for each pixel (a gather, whose
gradient is a scatter): 64 images of 32x32x3 forward and backward in 2 to 5 ms, where matrix products take 50.
Elsewhere it is matrix products: accelerators are slow at scattering, and a GPU would add up in an order that changes
between runs. Their price is memory, the images times their size: 200 MB for 64 images of 64x64x3.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from genjax.devices.backend import on_cpu

EXACT = lax.Precision.HIGHEST  # else accelerators round the factors to 8 or 11 bits


def warp(images: Float[Array, "n size size c"], matrices: Float[Array, "n 3 3"]) -> Float[Array, "n size size c"]:
    """Each image seen through its map; an image with the identity comes back bit for bit.

    What comes in from outside has the image's background colour, see `background`. The paper mirrors the image there,
    which suits photographs; strokes that touch the border become others: a mirrored 0 is an 8.

    Args:
        images: (n, size, size, c), finite.
        matrices: from a pixel of the result, (x to the right, y down, 1) in pixels from the image's centre, to the
            place in the image where its value is read.
    Returns:
        (n, size, size, c).
    """
    size = images.shape[1]
    inside = jnp.pad(jnp.ones((size, size), bool), 1)[None, :, :, None]
    framed = jnp.where(inside, jnp.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0))), background(images)[:, None, None])
    # One pixel of ground is enough: what lies farther out is read there.
    x, y = (jnp.clip(place + 1, 0, size + 1) for place in _places(matrices, size))
    sample = _read_windows if on_cpu() else _multiply
    return sample(framed, x, y).astype(images.dtype)


def background(images: Float[Array, "n h w c"]) -> Float[Array, "n c"]:
    """By channel, the mean of the middle two of an image's four corners: a stroke in one corner does not tinge it."""
    corners = images[:, :: images.shape[1] - 1, :: images.shape[2] - 1]
    return (corners.sum(axis=(1, 2)) - corners.max(axis=(1, 2)) - corners.min(axis=(1, 2))) / 2


def _places(matrices: Array, size: int) -> tuple[Array, Array]:
    """Where each pixel of the result is read: column and row, each (n, size, size)."""
    centre = (size - 1) / 2
    columns = jnp.arange(size)[None, None, :] - centre
    rows = jnp.arange(size)[None, :, None] - centre
    factors = matrices[:, :, :, None, None]
    x, y = (factors[:, axis, 0] * columns + factors[:, axis, 1] * rows + factors[:, axis, 2] for axis in (0, 1))
    return x + centre, y + centre


def _read_windows(images: Array, x: Array, y: Array) -> Array:
    # The last window ends at the border, so a place on the border has share 1 there and none beyond.
    left, top = (jnp.clip(jnp.floor(place), 0, images.shape[1] - 2) for place in (x, y))

    def window(image: Array, row: Array, column: Array) -> Array:
        return lax.dynamic_slice(image, (row, column, 0), (2, 2, image.shape[-1]))

    of_places = jax.vmap(jax.vmap(window, (None, 0, 0)), (None, 0, 0))
    windows = jax.vmap(of_places)(images, top.astype(jnp.int32), left.astype(jnp.int32))
    shares_x, shares_y = (jnp.stack([1 - part, part], axis=-1) for part in (x - left, y - top))
    return (windows * (shares_y[..., :, None] * shares_x[..., None, :])[..., None]).sum(axis=(3, 4))


def _multiply(images: Array, x: Array, y: Array) -> Array:
    pixels = jnp.arange(images.shape[1], dtype=x.dtype)
    weights_x, weights_y = (
        jnp.maximum(0, 1 - jnp.abs(place[..., None] - pixels[None, None, None])) for place in (x, y)
    )
    across = jnp.einsum("nrsj,nijc->nrsic", weights_x, images, precision=EXACT)
    return jnp.einsum("nrsi,nrsic->nrsc", weights_y, across, precision=EXACT)
