"""The augmentations of ADA: they keep a critic from learning a small set by heart. (Karras et al. 2020, appendix B)

Both real and generated images pass them on their way to the critic. Each operation touches an image with the given
probability: while that is well below 1, what an operation leaves alone stays the most frequent case, and the generator
does not learn it. All movements of an image are one affine map, sampled once; all changes of its colours are another.
Left out of the paper's pipeline: image-space filtering, noise, cutout, and the wavelets against aliasing.
"""

import functools
from collections.abc import Callable, Mapping, Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from genjax.augment import colour, geometry
from genjax.augment.colour import recolour
from genjax.augment.draws import draw
from genjax.augment.warp import warp
from genjax.errors import InputError, lookup

Operation = Callable[[Array, int], Array]  # (noise (n, 2), size) -> matrices (n, 3, 3) or (n, 4, 4)

GEOMETRY: dict[str, Operation] = {
    "x_flip": geometry.x_flip,
    "rotate90": geometry.rotate90,
    "integer_translation": geometry.integer_translation,
    "scale": geometry.scale,
    "rotation": geometry.rotation,
    "tilt": geometry.tilt,
    "anisotropic_scale": geometry.anisotropic_scale,
    "fractional_translation": geometry.fractional_translation,
}
GREY: dict[str, Operation] = {"brightness": colour.brightness, "contrast": colour.contrast}
RGB: dict[str, Operation] = {"luma_flip": colour.luma_flip, "hue": colour.hue, "saturation": colour.saturation}
OPERATIONS = GEOMETRY | GREY | RGB

# What leaves a digit or a letter what it is: a mirrored 3 is no 3, and a 6 upside down is a 9.
DEFAULT = (
    "integer_translation",
    "scale",
    "tilt",
    "anisotropic_scale",
    "fractional_translation",
    "brightness",
    "contrast",
)


def augment(
    key: Key[Array, ""],
    images: Float[Array, "n h w c"],
    probability: float | Float[Array, ""],
    *,
    operations: Sequence[str] = DEFAULT,
) -> Float[Array, "n h w c"]:
    """The images, each changed by each operation with a probability; differentiable in the images to any order.

    Args:
        key: of the draws.
        images: (n, size, size, c) in [-1, 1], c 1 or 3. The result may leave that range.
        probability: in [0, 1], of each operation in each image; may be traced. At 0 images come back bit for bit.
        operations: names in OPERATIONS, which also gives their order. "luma_flip", "hue" and "saturation" leave grey
            images alone.
    Returns:
        Like `images`.
    Raises:
        InputError: an unknown operation, or images that are not square or have neither 1 nor 3 channels.
    """
    for name in operations:
        lookup(OPERATIONS, name, "augmentation operation")
    n, height, width, channels = images.shape
    if height != width or channels not in (1, 3):
        raise InputError(f"images are {height}x{width}x{channels}, expected square ones of 1 or 3 channels.")

    drawn, noise = draw(key, len(OPERATIONS), n, probability)

    def matrices(kind: Mapping[str, Operation]) -> list[Array]:
        """Of each chosen operation of a kind, the identity where it is not drawn."""
        found = []
        for number, (name, operation) in enumerate(OPERATIONS.items()):
            if name in kind and name in operations:
                matrix = operation(noise[number], height)
                found.append(jnp.where(drawn[number][:, None, None], matrix, jnp.eye(matrix.shape[-1])[None]))
        return found

    places = matrices(GEOMETRY)
    if places:  # they lead from the result back to the image: the last operation comes first, on the right
        images = warp(images, functools.reduce(_product, places))
    colours = matrices(GREY if channels == 1 else GREY | RGB)
    if colours:
        images = recolour(images, functools.reduce(_product, colours[::-1]))
    return images


def _product(left: Array, right: Array) -> Array:
    return jnp.matmul(left, right, precision="highest")  # accelerators would round places to 8 bits
