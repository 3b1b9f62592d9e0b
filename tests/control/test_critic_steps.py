"""Adaptive critic steps: when the number rises, and that the generator waits for it."""

import jax.numpy as jnp
import pytest

from genjax.control import adaptive_critic_steps
from genjax.errors import InputError


def run(controller, steps, accuracy):
    """(knobs, turns of the generator) of a learner that obeys."""
    state, turns = controller.init(), []
    for _ in range(steps):
        turn = float(controller.knobs(state)["generator_turn"])
        turns.append(turn)
        state = controller.update(
            {"fake_accuracy": jnp.float32(accuracy), "generator_updated": jnp.float32(turn)}, state
        )
    return controller.knobs(state), turns


def test_a_critic_that_is_good_enough_keeps_its_one_step():
    knobs, turns = run(adaptive_critic_steps(patience=2, decay=0.0), 12, 0.7)
    assert float(knobs["critic_steps"]) == 1
    assert turns == [1.0] * 12


def test_a_critic_that_is_behind_gets_the_next_number_after_so_many_generator_updates():
    knobs, turns = run(adaptive_critic_steps(patience=2, decay=0.0, choices=(1, 3)), 11, 0.5)
    assert float(knobs["critic_steps"]) == 3
    assert turns == [1, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1]


def test_numbers_must_rise():
    with pytest.raises(InputError, match="expected rising numbers"):
        adaptive_critic_steps(choices=(1, 5, 2))
