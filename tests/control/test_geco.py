"""GECO: its step response, its fixed point, and bounds that nothing breaks."""

import math

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genjax.control import geco


def follow(controller, errors):
    """The weight after these squared errors."""
    update, state = jax.jit(controller.update), controller.init()
    for error in errors:
        state = update({"squared_error": jnp.float32(error)}, state)
    return float(controller.knobs(state)["reconstruction_weight"])


def test_the_weight_starts_at_one():
    assert follow(geco(tolerance=0.1), []) == 1


def test_a_constant_error_moves_the_weight_exponentially():
    """With C = error / tolerance^2 - 1 constant its average is C, and n steps give exp(n * rate * C)."""
    controller = geco(tolerance=0.1, rate=0.05)
    assert follow(controller, [0.015] * 20) == pytest.approx(math.exp(20 * 0.05 * 0.5), rel=1e-4)
    assert follow(controller, [0.005] * 20) == pytest.approx(math.exp(-20 * 0.05 * 0.5), rel=1e-4)


def test_the_tolerated_error_is_a_fixed_point():
    assert follow(geco(tolerance=0.1), [0.01] * 50) == pytest.approx(1, rel=1e-4)


def test_it_finds_the_weight_that_holds_the_tolerance():
    """On a toy whose error is tolerance^2 * 5 / weight, the weight must settle at 5."""
    controller = geco(tolerance=0.1, rate=0.1, smoothing=0.5)
    update, state = jax.jit(controller.update), controller.init()
    for _ in range(300):
        weight = controller.knobs(state)["reconstruction_weight"]
        state = update({"squared_error": 0.01 * 5 / weight}, state)
    assert float(controller.knobs(state)["reconstruction_weight"]) == pytest.approx(5, rel=0.02)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.floats(width=32), max_size=12))
def test_no_signals_leave_the_bounds(errors):
    weight = follow(geco(tolerance=0.1, rate=5.0, bounds=(0.01, 100.0)), [*errors, 1.0])
    assert 0.01 * (1 - 1e-5) <= weight <= 100 * (1 + 1e-5)


def test_a_nan_is_forgotten():
    controller = geco(tolerance=0.1)
    assert follow(controller, [float("nan"), float("inf"), 0.01, 0.01]) == pytest.approx(1, rel=1e-4)
