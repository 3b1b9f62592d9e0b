"""Losses of Improved GAN against numbers by hand, and a softmax of one class more."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from drawn import normal

from genjax.losses.adversarial import minimax_critic
from genjax.losses.improved_gan import feature_matching, historical_average, real_logit, semi_supervised_critic


def test_feature_matching_compares_means_over_the_batch():
    real = jnp.array([[1.0, 4.0], [3.0, 0.0]])  # mean 2, 2
    fake = jnp.array([[0.0, 1.0], [0.0, -3.0]])  # mean 0, -1
    assert float(feature_matching(real, fake)) == 4 + 9
    assert float(feature_matching(real, real[::-1])) == 0, "the order does not matter"
    pictures = [jnp.broadcast_to(of[:, None, None], (2, 3, 3, 2)) for of in (real, fake)]
    assert float(feature_matching(*pictures)) == 9 * (4 + 9)


def test_feature_matching_is_computed_in_full_precision():
    real = jnp.array([[1.0], [1.0078125]], jnp.bfloat16)  # neighbours there: their mean is no number of bfloat16
    assert float(feature_matching(real, real * 0)) == pytest.approx(1.00390625**2, rel=1e-6)


def test_historical_average_is_a_distance_whose_slope_leads_back():
    params = {"a": jnp.array([1.0, 2.0]), "b": {"c": jnp.float32(3.0)}}
    mean = {"a": jnp.array([0.0, 2.0]), "b": {"c": jnp.float32(5.0)}}
    assert float(historical_average(params, mean)) == 1 + 0 + 4
    slope = jax.grad(historical_average)(params, mean)
    np.testing.assert_array_equal(slope["a"], [2, 0])
    assert slope["b"]["c"] == -4


def test_the_real_logit_is_that_of_a_softmax_with_a_class_more(getkey):
    logits = normal(getkey(), (7, 5))
    softmax = jax.nn.softmax(jnp.concatenate([logits, jnp.zeros((7, 1))], axis=1))  # the last is "generated"
    np.testing.assert_allclose(jax.nn.sigmoid(real_logit(logits)), 1 - softmax[:, -1], rtol=1e-5)
    ratio = jnp.exp(logits).sum(axis=1)
    np.testing.assert_allclose(jax.nn.sigmoid(real_logit(logits)), ratio / (ratio + 1), rtol=1e-5)


def test_semi_supervised_is_cross_entropy_and_half_a_minimax(getkey):
    labelled, unlabelled, fake = normal(getkey(), (3, 6, 4))
    labels = jnp.array([0, 1, 2, 3, 0, 3])
    expected = optax.softmax_cross_entropy_with_integer_labels(labelled, labels)
    expected += minimax_critic(real_logit(unlabelled), real_logit(fake)) / 2
    np.testing.assert_allclose(semi_supervised_critic(labelled, labels, unlabelled, fake), expected, rtol=1e-5)


def test_semi_supervised_as_the_authors_write_it(getkey):
    """-l/2 + softplus(l)/2 of unlabelled, softplus(l)/2 of generated images, l the logarithm of the sum."""
    logits = normal(getkey(), (5, 3))
    l = real_logit(logits)  # noqa: E741 - their letter
    found = semi_supervised_critic(logits * 0, jnp.zeros(5, jnp.int32), logits, logits)
    np.testing.assert_allclose(found, np.log(3) - l / 2 + jax.nn.softplus(l) / 2 + jax.nn.softplus(l) / 2, rtol=1e-5)


def test_finite_at_huge_logits():
    huge = jnp.array([[1e4, -1e4], [-1e4, -1e4]])
    value, slope = jax.value_and_grad(lambda of: semi_supervised_critic(of, jnp.array([0, 1]), of, of).sum())(huge)
    assert np.isfinite(value)
    assert np.isfinite(slope).all()
