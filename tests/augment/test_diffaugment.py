"""DiffAugment's operations one by one."""

import functools

import jax
import numpy as np
import pytest
from drawn import uniform
from scipy import stats

from genjax.augment import diffaugment
from genjax.errors import InputError

N = 200
KEY = jax.random.key(7)


@pytest.fixture(scope="module")
def images():
    return uniform(jax.random.key(1), (N, 8, 16, 3), minval=-1, maxval=1)


def augmented(images, *policy):
    return np.asarray(jax.jit(functools.partial(diffaugment.augment, policy=policy))(KEY, images, 1.0))


def test_brightness_adds_a_constant(images):
    added = augmented(images, "brightness") - np.asarray(images)
    assert np.ptp(added, axis=(1, 2, 3)).max() < 1e-6
    assert stats.kstest(added[:, 0, 0, 0], "uniform", (-0.5, 1)).pvalue > 0.01


@pytest.mark.parametrize(("operation", "axes", "start"), [("saturation", 3, 0.0), ("contrast", (1, 2, 3), 0.5)])
def test_distance_from_the_mean_is_multiplied(images, operation, axes, start):
    mean = np.mean(images, axes, keepdims=True)
    found = augmented(images, operation)
    np.testing.assert_allclose(np.mean(found, axes, keepdims=True), mean, atol=1e-6)
    factors = np.linalg.norm((found - mean).reshape(N, -1), axis=1) / np.linalg.norm(
        (images - mean).reshape(N, -1), axis=1
    )
    assert stats.kstest(factors, "uniform", (start, 2 - 2 * start)).pvalue > 0.01


def test_saturation_leaves_grey_images(images):
    np.testing.assert_array_equal(augmented(images[..., :1], "saturation"), images[..., :1])


def test_translation_is_a_shift_with_grey_coming_in(images):
    padded = np.pad(images, ((0, 0), (1, 1), (2, 2), (0, 0)))  # an eighth of 8 rows and of 16 columns
    shifts = [padded[:, y : y + 8, x : x + 16] for y in range(3) for x in range(5)]
    found = augmented(images, "translation")
    same = np.stack([(found == shift).all(axis=(1, 2, 3)) for shift in shifts])
    assert same.any(axis=0).all()
    assert stats.chisquare(same.sum(axis=1)).pvalue > 0.01


def test_cutout_is_one_box_of_half_the_size(images):
    found = augmented(images, "cutout")
    cut = (found == 0).all(axis=3)
    np.testing.assert_array_equal(found[~cut], np.asarray(images)[~cut])
    rows, columns = cut.any(axis=2), cut.any(axis=1)
    np.testing.assert_array_equal(cut, rows[:, :, None] & columns[:, None, :])
    for covered, half in ((rows, 4), (columns, 8)):
        sizes = covered.sum(axis=1)
        assert (sizes.min(), sizes.max()) == (half // 2, half)
        assert (np.diff(covered.astype(int), axis=1) == 1).sum(axis=1).max() <= 1  # without a gap


def test_unknown_operation_names_the_nearest(images):
    with pytest.raises(InputError, match=r"unknown augmentation operation 'cut_out'\. Did you mean 'cutout'"):
        diffaugment.augment(KEY, images, 0.5, policy=("cut_out",))
