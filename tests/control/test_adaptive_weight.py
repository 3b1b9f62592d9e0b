"""Adaptive loss weight: the weighted penalty pulls as strongly as the loss."""

import jax.numpy as jnp
import pytest

from genjax.control import adaptive_weight


def after(loss, penalty, steps=1, **settings):
    controller = adaptive_weight(**settings)
    state = controller.init()
    for _ in range(steps):
        norms = {"loss_gradient_norm": jnp.float32(loss), "penalty_gradient_norm": jnp.float32(penalty)}
        state = controller.update(norms, state)
    return float(controller.knobs(state)["transfer_weight"])


def test_the_weight_makes_the_gradients_equal():
    assert after(6.0, 2.0, smoothing=0.0) == pytest.approx(3, rel=1e-3)
    assert after(6.0, 2.0, smoothing=0.0, ratio=0.5) == pytest.approx(1.5, rel=1e-3)


def test_it_is_reached_smoothly():
    assert after(6.0, 2.0, steps=2, smoothing=0.5) == pytest.approx(0.25 * 1 + 0.75 * 3, rel=1e-3)


def test_a_penalty_without_a_gradient_moves_nothing():
    assert after(6.0, 0.0, steps=5) == 1


def test_the_bound():
    assert after(1e9, 1e-3, smoothing=0.0, bound=7.0) == 7
