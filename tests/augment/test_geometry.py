"""ADA's operations on the plane: what their maps are, and how they are distributed."""

import jax
import numpy as np
import pytest
from drawn import uniform
from scipy import stats

from genjax.augment import geometry

N, SIZE = 400, 16


def maps(operation):
    noise = uniform(jax.random.key(5), (N, 2), minval=-1)
    return np.asarray(operation(noise, SIZE), np.float64)


@pytest.mark.parametrize(("operation", "values"), [(geometry.x_flip, 2), (geometry.rotate90, 4)])
def test_groups_are_drawn_uniformly(operation, values):
    drawn, counts = np.unique(maps(operation), axis=0, return_counts=True)
    assert len(drawn) == values
    assert stats.chisquare(counts).pvalue > 0.01
    assert set(np.abs(drawn).ravel()) == {0.0, 1.0}


@pytest.mark.parametrize(("operation", "limit"), [(geometry.rotation, np.pi), (geometry.tilt, np.pi / 12)])
def test_turns_are_orthogonal_and_uniform(operation, limit):
    linear = maps(operation)[:, :2, :2]
    np.testing.assert_allclose(linear @ linear.transpose(0, 2, 1), np.broadcast_to(np.eye(2), linear.shape), atol=1e-6)
    angles = np.arctan2(linear[:, 1, 0], linear[:, 0, 0])
    assert stats.kstest(angles, "uniform", (-limit, 2 * limit)).pvalue > 0.01


def test_scales_are_log_normal():
    both, wider = maps(geometry.scale), maps(geometry.anisotropic_scale)
    np.testing.assert_array_equal(both[:, 0, 0], both[:, 1, 1])
    np.testing.assert_allclose(wider[:, 0, 0] * wider[:, 1, 1], np.ones(N), rtol=1e-6)
    for inverse in (both, wider):
        assert stats.kstest(-np.log2(inverse[:, 0, 0]), stats.norm(0, 0.2).cdf).pvalue > 0.01


def test_translations():
    whole = maps(geometry.integer_translation)[:, :2, 2]
    assert set(whole.ravel()) == {-2.0, -1.0, 0.0, 1.0, 2.0}
    parts = maps(geometry.fractional_translation)[:, :2, 2]
    assert stats.kstest(parts.ravel(), stats.norm(0, SIZE / 8).cdf).pvalue > 0.01
    assert abs(np.mean(parts[:, 0] * parts[:, 1])) < 3 * (SIZE / 8) ** 2 / np.sqrt(N)  # x and y apart
