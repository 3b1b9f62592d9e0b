"""Balance: who is ahead slows down, and inside the band nobody does."""

import jax.numpy as jnp
import pytest

from genjax.control import balance


def after(accuracy, steps, *, state=None, **settings):
    controller = balance(decay=0.0, rate=0.1, **settings)
    state = controller.init() if state is None else state
    for _ in range(steps):
        signals = {"real_accuracy": jnp.float32(accuracy), "fake_accuracy": jnp.float32(accuracy)}
        state = controller.update(signals, state)
    return controller.knobs(state), state


def test_a_critic_that_is_ahead_learns_more_slowly():
    knobs, _ = after(0.95, 5)
    assert float(knobs["critic_rate"]) == pytest.approx(2.718281828**-0.5, rel=1e-5)
    assert float(knobs["generator_rate"]) == 1


def test_a_generator_that_is_ahead_learns_more_slowly_down_to_the_bound():
    knobs, _ = after(0.4, 100)
    assert float(knobs["generator_rate"]) == pytest.approx(0.25, rel=1e-5)
    assert float(knobs["critic_rate"]) == 1


def test_inside_the_band_both_go_back_to_one():
    _, state = after(0.95, 5)
    knobs, _ = after(0.7, 6, state=state)
    assert (float(knobs["critic_rate"]), float(knobs["generator_rate"])) == (pytest.approx(1), pytest.approx(1))
