"""ADA's pipeline: that operations come together in their order, and what it refuses."""

import functools

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from drawn import uniform

from genjax.augment import ada, colour, geometry
from genjax.augment.draws import draw
from genjax.augment.warp import background, warp
from genjax.errors import InputError

KEY = jax.random.key(7)


@pytest.fixture(scope="module")
def images():
    return uniform(jax.random.key(1), (40, 8, 8, 3), minval=-1, maxval=1)


@functools.cache
def compiled(*operations):
    return jax.jit(functools.partial(ada.augment, operations=operations))


def augmented(images, *operations):
    return np.asarray(compiled(*operations)(KEY, images, 1.0))


def is_one_of(found, choices):
    """For each image, which of the choices it is, exactly."""
    same = np.stack([(found == np.asarray(choice)).all(axis=(1, 2, 3)) for choice in choices])
    assert same.any(axis=0).all()
    return same.argmax(axis=0)


def test_x_flip_is_numpys(images):
    which = is_one_of(augmented(images, "x_flip"), [images, np.flip(images, 2)])
    assert set(which) == {0, 1}


def test_rotate90_is_numpys(images):
    which = is_one_of(augmented(images, "rotate90"), [np.rot90(images, k, (1, 2)) for k in range(4)])
    assert set(which) == {0, 1, 2, 3}


def test_integer_translation_is_a_shift_on_the_background(images):
    ground = np.asarray(background(images))[:, None, None]
    padded = np.broadcast_to(ground, (40, 10, 10, 3)).copy()
    padded[:, 1:-1, 1:-1] = images
    shifts = [padded[:, y : y + 8, x : x + 8] for y in range(3) for x in range(3)]
    assert len(set(is_one_of(augmented(images, "integer_translation"), shifts))) > 4


def test_brightness_adds_a_constant(images):
    added = augmented(images, "brightness") - np.asarray(images)
    assert np.ptp(added, axis=(1, 2, 3)).max() < 1e-6
    assert np.ptp(added) > 0.1


def test_movements_are_one_map_in_their_order(images):
    """First the shift, then the scale about the centre, however they are spelled; and sampled once."""
    numbers = [list(ada.OPERATIONS).index(name) for name in ("integer_translation", "scale")]
    noise = draw(KEY, len(ada.OPERATIONS), 40, 1.0)[1]
    shift, scale = geometry.integer_translation(noise[numbers[0]], 8), geometry.scale(noise[numbers[1]], 8)
    found = augmented(images, "scale", "integer_translation")
    np.testing.assert_allclose(found, warp(images, shift @ scale), atol=1e-5)
    assert np.abs(found - warp(images, scale @ shift)).max() > 0.1


def test_brightness_comes_before_contrast(images):
    """And the draw of an operation does not depend on which others are chosen."""
    expected = augmented(jnp.asarray(augmented(images, "brightness")), "contrast")
    np.testing.assert_allclose(augmented(images, "contrast", "brightness"), expected, atol=1e-6)


def test_default_leaves_letters_readable(images):
    assert not {"x_flip", "rotate90", "rotation", "luma_flip", "hue"} & set(ada.DEFAULT)
    assert set(ada.DEFAULT) <= set(ada.OPERATIONS)


def test_operations_on_colours_pass_grey_images_by(images):
    grey = images[..., :1]
    np.testing.assert_array_equal(augmented(grey, "luma_flip", "hue", "saturation"), grey)
    assert (augmented(grey, "brightness") != np.asarray(grey)).any()


def test_unknown_operation_names_the_nearest(images):
    with pytest.raises(InputError, match=r"unknown augmentation operation 'x_flp'\. Did you mean 'x_flip'"):
        ada.augment(KEY, images, 0.5, operations=("x_flp",))


@pytest.mark.parametrize("shape", [(2, 8, 6, 3), (2, 8, 8, 4)])
def test_refuses_other_images(shape):
    with pytest.raises(InputError, match="expected square ones of 1 or 3 channels"):
        ada.augment(KEY, jnp.zeros(shape), 0.5)


def test_types_are_checked(images):
    with pytest.raises(jaxtyping.TypeCheckError):
        colour.recolour(images, jnp.zeros((40, 3, 3)))
