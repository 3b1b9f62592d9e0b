"""Optimal sigma: the weight of an error is one over its mean square."""

import jax
import jax.numpy as jnp
import pytest
from drawn import uniform

from genjax.control import optimal_sigma
from genjax.losses.reconstruction import gaussian_log_likelihood, optimal_gaussian_log_likelihood


def test_the_weight_is_one_over_the_smoothed_error():
    controller = optimal_sigma(smoothing=0.5)
    state = controller.init()
    for error in (0.04, 0.02):
        state = controller.update({"squared_error": jnp.float32(error)}, state)
    assert float(controller.knobs(state)["reconstruction_weight"]) == pytest.approx(1 / 0.03, rel=1e-5)


def test_the_gradient_is_sigma_vaes(getkey):
    """Weighted, the unit-scale likelihood has the gradient of the one with the optimal scale."""
    images, mean = (uniform(getkey(), (4, 8, 8, 1), minval=-1) for _ in range(2))
    controller = optimal_sigma()
    state = controller.update({"squared_error": jnp.square(images - mean).mean()}, controller.init())
    weight = controller.knobs(state)["reconstruction_weight"]
    ours = weight * jax.grad(lambda mean: gaussian_log_likelihood(images, mean, scale=1.0).sum())(mean)
    theirs = jax.grad(lambda mean: optimal_gaussian_log_likelihood(images, mean).sum())(mean)
    assert jnp.allclose(ours, theirs, rtol=1e-2)  # the soft floor of the scale


def test_before_anything_was_measured_the_weight_is_one():
    controller = optimal_sigma()
    assert float(controller.knobs(controller.init())["reconstruction_weight"]) == 1
