"""PI control of the KL: its formula, its fixed point, and the three failures of the authors' code."""

import math

import jax
import jax.numpy as jnp
import pytest

from genjax.control import pi_control


def follow(controller, values, state=None):
    """The weight after each KL."""
    state, weights, update = controller.init() if state is None else state, [], jax.jit(controller.update)
    for value in values:
        state = update({"kl": jnp.float32(value)}, state)
        weights.append(float(controller.knobs(state)["kl_weight"]))
    return weights, state


def test_the_formula():
    """With the authors' gains, and no smoothing, as they have none."""
    weights, _ = follow(pi_control(10.0, integral=1e-4, smoothing=0.0), [14.0, 13.0])
    first = 0.01 / (1 + math.exp(-4)) + 1e-4 * 4
    assert weights[0] == pytest.approx(first, rel=1e-5)
    assert weights[1] == pytest.approx(0.01 / (1 + math.exp(-3)) + 1e-4 * 7, rel=1e-5)


def test_it_holds_a_process_at_its_target():
    """A KL that falls with its weight, KL = 30 exp(-3 weight), settles at the target."""
    controller = pi_control(10.0, integral=1e-3)

    def step(state, _):
        kl = 30 * jnp.exp(-3 * controller.knobs(state)["kl_weight"])
        return controller.update({"kl": kl}, state), kl

    _, kls = jax.lax.scan(step, controller.init(), length=3000)
    assert float(kls[-1]) == pytest.approx(10, rel=0.02)


def test_it_does_not_wind_up():
    controller = pi_control(10.0, integral=1e-2)
    weights, state = follow(controller, [100.0] * 300)
    assert weights[-1] == pytest.approx(1)
    weights, _ = follow(controller, [0.0] * 60, state)
    assert weights[-1] < 0.6, "far below the bound soon after the error has changed its sign"


def test_it_does_not_stay_at_a_bound():
    controller = pi_control(10.0, integral=1e-2, smoothing=0.0)
    _, state = follow(controller, [100.0] * 300)
    falling, state = follow(controller, [0.0] * 300, state)
    rising, _ = follow(controller, [100.0] * 300, state)
    assert (min(falling), max(rising)) == (pytest.approx(0, abs=1e-5), pytest.approx(1))


@pytest.mark.parametrize("kl", [910.0, -890.0, 1e30, -1e30])
def test_it_does_not_overflow(kl):
    (weight,), _ = follow(pi_control(10.0, integral=1e-4), [kl])
    assert math.isfinite(weight)
    assert weight == (0 if kl < 0 else pytest.approx(min(1, 0.01 + 1e-4 * (min(kl, 1e6) - 10)), rel=1e-4))
