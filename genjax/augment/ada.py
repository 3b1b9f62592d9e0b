"""The augmentations of ADA, which keep a critic from memorising a small set. (Karras et al. 2020, appendix B)

Real and generated images pass them on their way to the critic. Each operation changes an image with the given
probability. While that is well below 1, unchanged images stay the most frequent case, and the generator does not learn
to make augmented ones. All movements of an image are multiplied into one affine map, so that it is resampled once; all
changes of its colours are another. Left out of the paper's pipeline: image-space filtering, noise, cutout, and the
wavelets against aliasing.
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

# Operations that keep the class of a digit or letter: a mirrored 3 is not a 3, and a 6 upside down is a 9.
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
    """Applies each operation to each image with a probability; differentiable in the images to any order.

    Args:
        key: key of the draws.
        images: images in [-1, 1], (n, size, size, c), c 1 or 3.
        probability: probability in [0, 1] of each operation in each image; may be traced. At 0 the images are
            returned bit for bit.
        operations: names in OPERATIONS, which also gives their order. "luma_flip", "hue" and "saturation" do not
            change grey images.
    Returns:
        Images (n, size, size, c); values may leave [-1, 1].
    Raises:
        InputError: an unknown operation, or images that are not square or have neither 1 nor 3 channels.
    """
    for name in operations:
        lookup(OPERATIONS, name, "augmentation operation")
    n, height, width, channels = images.shape
    # A rotation by 90 degrees needs a square, the maps of colours grey or RGB.
    if height != width or channels not in (1, 3):
        raise InputError(f"images are {height}x{width}x{channels}, expected square ones of 1 or 3 channels.")

    # All operations are drawn, also those that are not chosen, so that a choice does not change the others' noise.
    drawn, noise = draw(key, len(OPERATIONS), n, probability)

    def matrices(kind: Mapping[str, Operation]) -> list[Array]:
        """Computes the matrices of the chosen operations of a kind, the identity for images that are not drawn."""
        found = []
        for number, (name, operation) in enumerate(OPERATIONS.items()):
            if name in kind and name in operations:
                matrix = operation(noise[number], height)
                # where(drawn, M, identity), (n, 3, 3) or (n, 4, 4)
                found.append(jnp.where(drawn[number][:, None, None], matrix, jnp.eye(matrix.shape[-1])[None]))
        return found

    places = matrices(GEOMETRY)
    if places:  # inverse maps, from the result to the image: M = M_1 M_2 ... M_k, the last operation on the right
        images = warp(images, functools.reduce(_product, places))
    colours = matrices(GREY if channels == 1 else GREY | RGB)
    if colours:  # forward maps: C = C_k ... C_2 C_1
        images = recolour(images, functools.reduce(_product, colours[::-1]))
    return images


def _product(left: Array, right: Array) -> Array:
    return jnp.matmul(left, right, precision="highest")  # accelerators would round coordinates to 8 bits
