"""Memorisation control: its step response on paper, what it does with what is not measured, and its bounds."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from genjax.control import memorisation
from genjax.errors import InputError

NAN = float("nan")


def response(controller, shares):
    """The first knob after each measurement."""
    state, values = controller.init(), []
    for share in shares:
        state = controller.update({"copies": jnp.float32(share)}, state)
        values.append(float(controller.knobs(state)[controller.sets[0]]))
    return np.array(values), state


@pytest.mark.parametrize(("by", "sign"), [("rate", -1), ("penalty", 1)])
def test_the_step_response_is_that_of_a_discrete_pi(by, sign):
    """Of a constant error e the logarithm is (Kp + n Ki) e after n measurements."""
    controller = memorisation(0.1, by=by, proportional=0.4, integral=0.3, bound=1e-9 if by == "rate" else 1e9)
    found, _ = response(controller, [0.6] * 8)
    n = np.arange(1, 9)
    np.testing.assert_allclose(np.log(found), sign * (0.4 + 0.3 * n) * 0.5, rtol=1e-5)


def test_it_goes_back_by_the_same_law():
    controller = memorisation(0.2, by="penalty", proportional=0.5, integral=1.0, bound=1e6)
    found, _ = response(controller, [1.0, 1.0, 0.0, 0.0])
    integral = np.array([0.8, 1.6, 1.4, 1.2])
    np.testing.assert_allclose(np.log(found), 0.5 * np.array([0.8, 0.8, -0.2, -0.2]) + integral, rtol=1e-5)


def test_it_leaves_a_bound_as_soon_as_it_could():
    """However long it lay there: the integral does not wind up beyond the span."""
    controller, span = memorisation(0.5, integral=1.0, proportional=0.1, bound=0.1), math.log(10)
    for long in (20, 500):
        found, state = response(controller, [1.0] * long + [0.0])
        assert found[-2] == pytest.approx(0.1)
        assert found[-1] == pytest.approx(math.exp(0.5 * 0.1 + 0.5 - span), rel=1e-5)
        assert float(state.integral) == pytest.approx(span - 0.5)
    free, _ = response(controller, [0.0] * 500 + [1.0])
    assert free[-2] == 1
    assert free[-1] == pytest.approx(math.exp(-0.5 * 0.1 - 0.5), rel=1e-5)


@pytest.mark.parametrize("by", ["rate", "penalty"])
def test_what_is_not_measured_changes_nothing(by):
    controller = memorisation(0.1, by=by)
    before, state = response(controller, [NAN] * 3)
    assert (before == 1).all()
    assert float(controller.knobs(state)["copies_seen"]) == 0
    apart, _ = response(controller, [NAN, 0.5, NAN, NAN, 0.75, NAN])
    together, state = response(controller, [0.5, 0.75])
    np.testing.assert_array_equal(apart[[1, 2, 3]], together[0])
    np.testing.assert_array_equal(apart[[4, 5]], together[1])
    assert float(controller.knobs(state)["copies_seen"]) == 0.75


def test_in_a_loop_it_holds_the_target():
    """Of a learner whose copies fall as its penalty rises: share = 1 / (1 + weight / 5)."""
    controller = memorisation(0.25, by="penalty")
    state, share = controller.init(), 1.0
    for _ in range(60):
        state = controller.update({"copies": jnp.float32(share)}, state)
        share = 1 / (1 + float(controller.knobs(state)["transfer_weight"]) / 5)
    assert share == pytest.approx(0.25, abs=0.01)
    assert float(controller.knobs(state)["transfer_weight"]) == pytest.approx(15, rel=0.05)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: memorisation(by="hand"), "unknown knob of memorisation control 'hand'"),
        (lambda: memorisation(bound=2.0), "a bound of 2.0 was given, expected 0 to 1"),
        (lambda: memorisation(by="penalty", bound=0.5), "expected a number above 1"),
        (lambda: memorisation(bound=-1.0), "expected 0 to 1"),
    ],
)
def test_what_could_not_control_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
