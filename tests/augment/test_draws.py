"""Draws of augmentations: frequencies, ranges, distributions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from genjax.augment.draws import draw, integer, normal


def test_draws_with_the_probability_and_uniformly():
    drawn, noise = draw(jax.random.key(0), 5, 200, 0.3)
    assert stats.binomtest(int(drawn.sum()), drawn.size, 0.3).pvalue > 0.01
    assert stats.kstest(np.ravel(noise), "uniform", (-1, 2)).pvalue > 0.01
    # Whether and how are drawn apart: the noise of what is drawn is uniform too.
    assert stats.kstest(np.asarray(noise)[np.asarray(drawn)].ravel(), "uniform", (-1, 2)).pvalue > 0.01


@pytest.mark.parametrize("probability", [0, 1])
def test_never_and_always(probability):
    drawn, _ = draw(jax.random.key(0), 2, 100, jnp.float32(probability))
    assert drawn.all() if probability else not drawn.any()


def test_extremes_stay_finite():
    edge = jnp.array([np.nextafter(np.float32(-1), 0), np.nextafter(np.float32(1), 0)])
    assert jnp.isfinite(normal(edge)).all()
    np.testing.assert_array_equal(integer(edge, 4), [0, 3])


def test_normal_is_the_inverse_distribution():
    uniform = np.linspace(-0.99, 0.99, 50)
    np.testing.assert_allclose(normal(jnp.asarray(uniform)), stats.norm.ppf((uniform + 1) / 2), rtol=1e-4, atol=1e-6)


def test_integers_are_uniform():
    _, noise = draw(jax.random.key(1), 1, 500, 1.0)
    drawn, counts = np.unique(integer(noise[0, :, 0], 5), return_counts=True)
    np.testing.assert_array_equal(drawn, np.arange(5))
    assert stats.chisquare(counts).pvalue > 0.01
