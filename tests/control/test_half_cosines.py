"""Half cosines: where they begin, where they end, and halfway."""

import jax.numpy as jnp
import pytest

from genjax.control import kl_annealing, learning_rate_annealing, temperature
from genjax.errors import InputError


def course(controller, knob, updates):
    state, values = controller.init(), []
    for _ in range(updates):
        values.append(float(controller.knobs(state)[knob]))
        state = controller.update({}, state)
    return values


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
    values = course(learning_rate_annealing(10), "learning_rate_scale", 12)
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
def test_numbers_that_mean_nothing_are_refused(call):
    with pytest.raises(InputError, match="given, expected"):
        call()
