"""Relaxed draws of a categorical, and its divergence from uniform, against closed forms, scipy and counting."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal
from scipy import stats

from genjax.losses.gumbel import gumbel_softmax, uniform_kl


@pytest.fixture
def logits(getkey):
    return normal(getkey(), (5, 4, 7))


@pytest.mark.parametrize("temperature", [100.0, 1.0, 0.001])
def test_draws_are_on_the_simplex(temperature, logits, getkey):
    drawn = gumbel_softmax(getkey(), logits, temperature)
    np.testing.assert_allclose(drawn.sum(axis=-1), np.ones((5, 4)), rtol=1e-5)
    assert float(drawn.min()) >= 0


def test_draws_are_one_hot_when_cold_and_uniform_when_hot(logits, getkey):
    cold, hot = (gumbel_softmax(getkey(), logits, temperature) for temperature in (0.001, 1000.0))
    assert float(jnp.median(cold.max(axis=-1))) > 0.999
    np.testing.assert_allclose(hot, jnp.full(hot.shape, 1 / 7), atol=2e-3)


@pytest.mark.parametrize("temperature", [1.0, 1 / 16])
def test_the_largest_entry_is_a_draw_of_the_categorical(temperature, getkey):
    logits = jnp.asarray([0.0, 1.0, -1.0, 0.5])
    drawn = gumbel_softmax(getkey(), jnp.tile(logits, (20_000, 1)), temperature).argmax(axis=-1)
    counts = np.bincount(drawn, minlength=4)
    probabilities = np.asarray(jax.nn.softmax(logits), np.float64)
    assert stats.chisquare(counts, 20_000 * probabilities / probabilities.sum()).pvalue > 0.01


def test_kl_is_scipys(logits):
    probabilities = np.asarray(jax.nn.softmax(logits), np.float64)
    expected = stats.entropy(probabilities, np.full_like(probabilities, 1 / 7), axis=-1)
    np.testing.assert_allclose(uniform_kl(logits), expected, rtol=1e-4, atol=1e-6)


def test_kl_goes_from_nothing_to_the_logarithm_of_the_codes():
    np.testing.assert_allclose(uniform_kl(jnp.full((2, 3, 8), 4.0)), np.zeros((2, 3)), atol=1e-6)
    certain = jnp.zeros((2, 3, 8)).at[..., 2].set(1e4)
    value, gradient = jax.value_and_grad(lambda x: uniform_kl(x).sum())(certain)
    assert float(value) == pytest.approx(6 * np.log(8), rel=1e-6)
    assert bool(jnp.isfinite(gradient).all())


def test_kl_and_likelihood_are_reduced_the_same_way():
    """Summing over an image's places is what makes the bound: twice the places carry twice the nats."""
    logits = jnp.zeros((1, 4, 8)).at[..., 0].set(1e4)
    assert float(uniform_kl(jnp.tile(logits, (1, 2, 1))).sum()) == pytest.approx(2 * float(uniform_kl(logits).sum()))
