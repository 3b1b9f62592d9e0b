"""ADA: the sign of its steps, their size in images, and bounds that nothing breaks."""

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genjax.control import ada


def follow(controller, signs, *, images=64.0):
    """The probability after these mean signs."""
    update, state = jax.jit(controller.update), controller.init()
    for sign in signs:
        state = update({"real_sign": jnp.float32(sign), "images": jnp.float32(images)}, state)
    return float(controller.knobs(state)["augment_probability"])


def test_it_starts_at_zero():
    assert float(ada().knobs(ada().init())["augment_probability"]) == 0


def test_an_overfitting_critic_raises_it_by_images_over_images_to_one():
    controller = ada(target=0.6, images_to_one=6400, interval=4)
    assert follow(controller, [0.9] * 3) == 0  # not yet due
    assert follow(controller, [0.9] * 4) == pytest.approx(4 * 64 / 6400)
    assert follow(controller, [0.9] * 20) == pytest.approx(20 * 64 / 6400)


def test_below_the_target_it_falls_again():
    controller = ada(images_to_one=6400, interval=1)
    assert follow(controller, [0.9] * 10 + [0.1] * 4) == pytest.approx(6 * 64 / 6400)


def test_the_mean_over_the_interval_decides():
    controller = ada(target=0.6, images_to_one=6400, interval=2)
    assert follow(controller, [1.0, 0.0]) == 0  # mean .5, below
    assert follow(controller, [1.0, 0.4]) > 0  # mean .7, above


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.floats(width=32), max_size=12))
def test_no_signals_leave_the_bounds(signs):
    probability = follow(ada(images_to_one=100, interval=1), [*signs, 1.0, 1.0])
    assert 0 <= probability <= float(jnp.float32(0.8))


def test_a_nan_is_forgotten():
    controller = ada(images_to_one=6400, interval=1)
    assert follow(controller, [float("nan")] + [1.0] * 5) == pytest.approx(5 * 64 / 6400)


def test_it_never_passes_the_bound():
    assert follow(ada(images_to_one=64, interval=1), [1.0] * 10) == pytest.approx(0.8)
