"""Schedules: their values after a number of updates."""

import pytest

from genjax.control import capacity, cyclical, free_bits, warm_up
from genjax.errors import InputError


def course(controller, knob, updates):
    state, values = controller.init(), []
    for _ in range(updates):
        values.append(float(controller.knobs(state)[knob]))
        state = controller.update({}, state)
    return values


def test_a_warm_up_rises_once():
    assert course(warm_up(4, weight=2.0), "kl_weight", 6) == [0, 0.5, 1, 1.5, 2, 2]


def test_cycles_rise_again_and_again_and_end_at_the_top():
    assert course(cyclical(8, cycles=2), "kl_weight", 10) == [0, 0.5, 1, 1, 0, 0.5, 1, 1, 1, 1]
    assert course(cyclical(8, cycles=2, ramp=1.0), "kl_weight", 5) == [0, 0.25, 0.5, 0.75, 0]


def test_a_capacity_grows_and_is_held():
    controller = capacity(20.0, steps=4, weight=7.0)
    assert course(controller, "kl_capacity", 6) == [0, 5, 10, 15, 20, 20]
    assert course(controller, "kl_weight", 2) == [7, 7]


def test_free_bits_do_not_change():
    assert course(free_bits(0.5), "free_nats", 3) == [0.5] * 3


@pytest.mark.parametrize(
    "call", [lambda: free_bits(-1), lambda: capacity(float("nan"), steps=3), lambda: cyclical(9, cycles=0)]
)
def test_numbers_that_mean_nothing_are_refused(call):
    with pytest.raises(InputError, match="were given, expected"):
        call()
