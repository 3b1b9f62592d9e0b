"""The parts that all steps share: the moving average, and the norms that every step reports."""

import jax.numpy as jnp
import numpy as np
import pytest

from genjax.families.step import global_norm, moving_average

RNG = np.random.default_rng(0)


def average_of(values, **settings):
    average = {"w": jnp.zeros(1)}
    for step, value in enumerate(values):
        average = moving_average(average, {"w": jnp.full(1, value)}, step=jnp.int32(step), **settings)
    return float(average["w"][0])


def test_half_is_left_after_the_half_life():
    """With the ramp out of the way, batches of 10 and a half-life of 40 images leave half after four steps."""
    start = moving_average({"w": jnp.ones(1)}, {"w": jnp.zeros(1)}, step=jnp.int32(10_000), batch=40, half_life=40.0)
    assert float(start["w"][0]) == pytest.approx(0.5)


def test_the_ramp_forgets_the_first_parameters():
    """While few images were seen, beta = .5 ** (batch / (.05 * seen)) forgets within a few steps."""
    assert average_of([1.0] * 5, batch=64, half_life=10_000.0) == pytest.approx(1, abs=1e-6)
    beta = 0.5 ** (64 / (0.05 * 64 * 3))
    expected = (1 - beta) * 3.0 + beta * average_of([1.0, 2.0], batch=64, half_life=10_000.0)
    assert average_of([1.0, 2.0, 3.0], batch=64, half_life=10_000.0) == pytest.approx(expected, rel=1e-5)


def test_an_average_reaches_as_far_as_its_scale_says_and_nowhere_at_zero():
    """The recipe's first step, of scale 0, must not be 0.5 ** infinity of something that is not a number."""
    settings = {"step": jnp.int32(10_000), "batch": 20, "half_life": 40.0}
    half = moving_average({"w": jnp.ones(1)}, {"w": jnp.zeros(1)}, scale=jnp.float32(0.5), **settings)
    none = moving_average({"w": jnp.ones(1)}, {"w": jnp.full(1, 3.0)}, scale=jnp.float32(0.0), **settings)
    assert float(half["w"][0]) == pytest.approx(0.5)
    assert float(none["w"][0]) == 3.0


def test_a_half_life_of_zero_is_no_average():
    assert average_of([1.0, 5.0], batch=64, half_life=0) == 5.0


def test_the_norm_is_over_all_leaves():
    tree = {"a": jnp.asarray([3.0]), "b": {"c": jnp.asarray([[4.0, 12.0]])}}
    np.testing.assert_allclose(global_norm(tree), 13)
    assert float(global_norm({})) == 0
