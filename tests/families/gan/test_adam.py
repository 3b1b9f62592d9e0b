"""Adam of a second moment that is set anew, against PyTorch's arithmetic written out, and lazy regularisation."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from genjax.families.gan.adam import adam

GRADIENTS = np.array([0.3, -1.2, 0.7, 2.0, -0.1])


def moved(optimizer, moments=(None, None, None, None, None)):
    weights, state = jnp.ones(()), optimizer.init(jnp.ones(()))
    for gradient, moment in zip(GRADIENTS, moments, strict=True):
        given = {} if moment is None else {"beta2": jnp.float32(moment)}
        update, state = optimizer.update(jnp.float32(gradient), state, weights, **given)
        weights = weights + update
    return float(weights)


def test_it_is_optaxs_adam_where_nothing_is_set():
    assert moved(adam(0.1, beta1=0.5, beta2=0.9)) == moved(optax.adam(0.1, b1=0.5, b2=0.9))


def test_the_moment_of_a_step_decays_and_is_corrected_by_what_is_set():
    """m <- b1 m + (1 - b1) g, v <- b2 v + (1 - b2) g^2, w <- w - rate m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)."""
    moments, weight, first, second = (0.5, 0.6, 0.9, 0.99, 0.99), 1.0, 0.0, 0.0
    for time, (gradient, beta2) in enumerate(zip(GRADIENTS, moments, strict=True), start=1):
        first = 0.5 * first + 0.5 * gradient
        second = beta2 * second + (1 - beta2) * gradient**2
        weight -= 0.1 * first / (1 - 0.5**time) / (np.sqrt(second / (1 - beta2**time)) + 1e-8)
    assert moved(adam(0.1, beta1=0.5, beta2=0.9), moments) == pytest.approx(weight, rel=1e-5)


def test_with_updates_of_a_penalty_between_rate_and_decays_are_lessened():
    """Of k = 4: times 4/5, and to the power 4/5. (Karras et al. 2020, appendix B)"""
    expected = moved(optax.adam(0.1 * 0.8, b1=0.5**0.8, b2=0.9**0.8))
    assert moved(adam(0.1, beta1=0.5, beta2=0.9, every=4)) == pytest.approx(expected, rel=1e-6)
