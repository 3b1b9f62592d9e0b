"""ADA's operations on colours: what their maps do, and how they are distributed."""

import jax
import jax.numpy as jnp
import numpy as np
from drawn import uniform
from scipy import stats

from genjax.augment import colour

N, SIZE = 400, 16
COLOURS = np.array([[0.5, -0.2, 0.9], [0.3, 0.3, 0.3], [-1.0, 0.0, 1.0]])


def noise(seed):
    return uniform(jax.random.key(seed), (N, 2), minval=-1)


def coloured(operation, colours):
    """(number of colours, 3) under each map: (N, number, 3), without a detour through images."""
    matrices = np.asarray(operation(noise(5), SIZE), np.float64)
    np.testing.assert_array_equal(matrices[:, 3], np.broadcast_to([0, 0, 0, 1], (N, 4)))
    return np.einsum("nij,kj->nki", matrices[:, :3, :3], colours) + matrices[:, None, :3, 3]


def test_brightness_adds_a_constant():
    added = coloured(colour.brightness, COLOURS) - COLOURS
    assert np.ptp(added, axis=(1, 2)).max() < 1e-6
    assert stats.kstest(added[:, 0, 0], stats.norm(0, 0.2).cdf).pvalue > 0.01


def test_contrast_multiplies():
    factors = coloured(colour.contrast, COLOURS[:2]) / COLOURS[:2]
    assert np.ptp(np.log(factors), axis=(1, 2)).max() < 1e-5
    assert stats.kstest(np.log2(factors[:, 0, 0]), stats.norm(0, 0.5).cdf).pvalue > 0.01


def test_luma_flip_turns_the_mean_round_and_keeps_the_rest():
    found = coloured(colour.luma_flip, COLOURS)
    mean = COLOURS.mean(1, keepdims=True)
    flipped = np.isclose(found, COLOURS - 2 * mean, atol=1e-6).all((1, 2))
    kept = np.isclose(found, COLOURS, atol=1e-6).all((1, 2))
    assert (flipped ^ kept).all()
    assert 0.4 < flipped.mean() < 0.6


def test_hue_keeps_mean_and_distance_from_grey():
    found = coloured(colour.hue, COLOURS)
    np.testing.assert_allclose(found.mean(2), np.broadcast_to(COLOURS.mean(1), (N, 3)), atol=1e-6)
    np.testing.assert_allclose(found.std(2), np.broadcast_to(COLOURS.std(1), (N, 3)), atol=1e-5)
    assert np.ptp(found[:, 0, 0]) > 0.9


def test_saturation_multiplies_the_distance_from_grey():
    found, grey = coloured(colour.saturation, COLOURS), COLOURS.mean(1, keepdims=True)
    factors = (found - grey)[:, [0, 2], 0] / (COLOURS - grey)[[0, 2], 0]
    assert np.ptp(np.log(factors), axis=1).max() < 1e-4
    assert stats.kstest(np.log2(factors[:, 0]), stats.norm(0, 1).cdf).pvalue > 0.01


def test_recolour_is_the_map_at_each_pixel(getkey):
    images = uniform(getkey(), (N, 2, 2, 3), minval=-1, maxval=1)
    matrices = colour.hue(noise(1), SIZE) @ colour.brightness(noise(2), SIZE)
    flat, maps = np.asarray(images).reshape(N, 4, 3), np.asarray(matrices)
    expected = np.einsum("nij,nkj->nki", maps[:, :3, :3], flat) + maps[:, None, :3, 3]
    np.testing.assert_allclose(colour.recolour(images, matrices).reshape(N, 4, 3), expected, atol=1e-5)


def test_recolour_of_grey_is_recolour_of_grey_rgb(getkey):
    grey = uniform(getkey(), (N, 2, 2, 1), minval=-1, maxval=1)
    matrices = colour.contrast(noise(1), SIZE) @ colour.brightness(noise(2), SIZE)
    rgb = colour.recolour(jnp.tile(grey, 3), matrices)
    np.testing.assert_allclose(jnp.tile(colour.recolour(grey, matrices), 3), rgb, atol=1e-6)
