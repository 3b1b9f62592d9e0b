"""Schedules: their values after a number of updates; half cosines: where they begin, where they end, and halfway."""

import jax.numpy as jnp
import pytest

from genjax.control import (
    capacity,
    cyclical,
    free_bits,
    kl_annealing,
    learning_rate_annealing,
    temperature,
    top_k,
    warm_up,
)
from genjax.control.schedules.top_k import TopKOptions
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


def test_the_share_of_the_top_falls_by_one_factor_and_is_held():
    assert course(top_k(2, last=0.25), "top_fraction", 5) == pytest.approx([1, 0.5, 0.25, 0.25, 0.25])
    assert course(top_k(0), "top_fraction", 2) == [0.5, 0.5]


@pytest.mark.parametrize("call", [lambda: top_k(5, last=0.0), lambda: top_k(5, last=1.5), lambda: top_k(-1)])
def test_a_share_outside_of_0_to_1_is_refused(call):
    with pytest.raises(InputError, match=", expected "):
        call()


def test_free_bits_do_not_change():
    assert course(free_bits(0.5), "free_nats", 3) == [0.5] * 3


@pytest.mark.parametrize(
    "call", [lambda: free_bits(-1), lambda: capacity(float("nan"), steps=3), lambda: cyclical(9, cycles=0)]
)
def test_numbers_that_mean_nothing_are_refused(call):
    with pytest.raises(InputError, match="were given, expected"):
        call()


def test_a_temperature_falls_along_half_a_cosine():
    first, quarter, half, late, last, after = course(temperature(4, first=1.0, last=0.2), "temperature", 6)
    assert (first, half, last, after) == pytest.approx((1.0, 0.6, 0.2, 0.2))
    assert quarter == pytest.approx(0.2 + 0.8 * 0.5 * (1 + float(jnp.cos(jnp.pi / 4))), rel=1e-5)
    assert quarter + late == pytest.approx(1.2, rel=1e-5)


def test_the_papers_values_are_the_defaults():
    """(Ramesh et al. 2021, appendix A.2)"""
    assert course(temperature(3), "temperature", 5)[::4] == pytest.approx([1.0, 1 / 16])
    assert course(kl_annealing(3), "kl_weight", 5)[::4] == pytest.approx([0.0, 6.6])


def test_the_learning_rate_falls_to_a_hundredth():
    values = course(learning_rate_annealing(10), "annealed_rate", 12)
    assert values[0] == 1
    assert values == sorted(values, reverse=True)
    assert values[-1] == pytest.approx(0.01)


def test_no_steps_are_the_last_value_at_once():
    assert course(temperature(0), "temperature", 2) == [1 / 16, 1 / 16]
    assert course(kl_annealing(0, weight=2.0), "kl_weight", 1) == [2]


@pytest.mark.parametrize(
    "call",
    [
        lambda: temperature(5, last=0.0),
        lambda: temperature(5, first=float("nan")),
        lambda: temperature(-1),
        lambda: kl_annealing(5, weight=-1.0),
        lambda: learning_rate_annealing(5, last=1.5),
    ],
)
def test_half_cosines_of_numbers_that_mean_nothing_are_refused(call):
    with pytest.raises(InputError, match="given, expected"):
        call()


def test_top_k_of_all_images_is_refused():
    with pytest.raises(InputError, match=r"--control\.top-k-share 1 leaves all images"):
        TopKOptions(top_k_steps=10, top_k_share=1.0)
