"""DiffAugment: simple differentiable augmentations of a critic's input. (Zhao et al. 2020)

The paper applies its policy to every image, real and generated, in both updates: probability 1. Below 1 each operation
changes an image with that probability, so that a controller can set it. With plenty of data it lowers the quality.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Key

from genjax.augment.draws import Noise, draw, integer
from genjax.errors import lookup

Images = Float[Array, "n h w c"]


def brightness(noise: Noise, images: Images) -> Images:
    """Adds a constant uniform in (-.5, .5)."""
    return images + 0.5 * _each(noise)  # .5 in images from -1 to 1, as in the authors' code


def saturation(noise: Noise, images: Images) -> Images:
    """Multiplies the distance of each pixel from its own grey by a factor uniform in (0, 2); grey images stay."""
    return _spread(images, images.mean(axis=3, keepdims=True), 1 + _each(noise))


def contrast(noise: Noise, images: Images) -> Images:
    """Multiplies the distance of each value from the image's mean by a factor uniform in (.5, 1.5)."""
    return _spread(images, images.mean(axis=(1, 2, 3), keepdims=True), 1 + 0.5 * _each(noise))


def translation(noise: Noise, images: Images) -> Images:
    """Shifts by whole pixels, up to an eighth of height and width; the border is filled with middle grey, 0."""
    down, across = (_rounded(length / 8) for length in images.shape[1:3])
    padded = jnp.pad(images, ((0, 0), (down, down), (across, across), (0, 0)))
    # First row and column of the window of each image: 0 to 2 * room, (n,) each
    rows, columns = (integer(noise[:, axis], 2 * room + 1) for axis, room in ((0, down), (1, across)))

    def window(image: Array, row: Array, column: Array) -> Array:
        return lax.dynamic_slice(image, (row, column, 0), images.shape[1:])

    return jax.vmap(window)(padded, rows.astype(jnp.int32), columns.astype(jnp.int32))


def cutout(noise: Noise, images: Images) -> Images:
    """Sets a box of half the height and width to middle grey, 0. Its centre is anywhere: part of it may be outside."""
    _, height, width, _ = images.shape
    rows, columns = _box(noise[:, 0], height), _box(noise[:, 1], width)  # (n, height), (n, width)
    return jnp.where((rows[:, :, None] & columns[:, None, :])[..., None], 0, images)


POLICY: dict[str, Callable[[Array, Array], Array]] = {
    "brightness": brightness,
    "saturation": saturation,
    "contrast": contrast,
    "translation": translation,
    "cutout": cutout,
}


def augment(
    key: Key[Array, ""],
    images: Images,
    probability: float | Float[Array, ""],
    *,
    policy: Sequence[str] = tuple(POLICY),
) -> Images:
    """Applies each operation to each image with a probability; differentiable in the images to any order.

    Args:
        key: key of the draws.
        images: images in [-1, 1], (n, h, w, c).
        probability: probability in [0, 1] of each operation in each image; may be traced. The paper has 1; at 0 the
            images are returned bit for bit.
        policy: names in POLICY, which also gives their order.
    Returns:
        Images (n, h, w, c); values may leave [-1, 1].
    Raises:
        InputError: an unknown operation.
    """
    for name in policy:
        lookup(POLICY, name, "augmentation operation")
    drawn, noise = draw(key, len(POLICY), len(images), probability)
    for number, (name, operation) in enumerate(POLICY.items()):
        if name in policy:
            # Computed for all images and then selected: a jitted step cannot branch on an image.
            changed = operation(noise[number], images).astype(images.dtype)
            images = jnp.where(drawn[number][:, None, None, None], changed, images)
    return images


def _each(noise: Array) -> Array:
    return noise[:, 0][:, None, None, None]  # (n, 1, 1, 1), one number for each image


def _spread(images: Array, mean: Array, factor: Array) -> Array:
    # x' = mean + factor * (x - mean)
    return mean + factor * (images - mean)


def _box(noise: Array, size: int) -> Array:
    """Marks the rows (or columns) of each image that a box of half the size covers: bool (n, size)."""
    box = _rounded(size / 2)
    # First row: a centre uniform over the image, minus half the box
    first = integer(noise, size + 1 - box % 2)[:, None] - box // 2
    places = jnp.arange(size)[None]
    return (places >= first) & (places < first + box)


def _rounded(length: float) -> int:
    return int(length + 0.5)  # halves up, as in the authors' code; Python's round goes to the even number
