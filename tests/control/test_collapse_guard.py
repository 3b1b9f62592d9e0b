"""Collapse guard: what counts as unsound, how long it waits, and that it ends."""

import jax
import jax.numpy as jnp
import pytest

from genjax.control import collapse_guard
from genjax.control.collapse_guard import rolled_back

NAN = float("nan")
SOUND = {"finite": 1.0, "diversity": 0.5, "real_logit": 2.0, "fake_logit": -2.0}
UPDATE = jax.jit(collapse_guard(critic=True, patience=4).update)
GUARD = collapse_guard(critic=True, patience=4)


def feed(state, *, steps, **changes):
    for _ in range(steps):
        state = UPDATE({name: jnp.float32(value) for name, value in (SOUND | changes).items()}, state)
    return state


@pytest.mark.parametrize(
    "change",
    [
        {"finite": 0.0},
        {"finite": float("nan")},
        {"diversity": 0.05},
        {"real_logit": 60.0},
        {"fake_logit": float("nan")},
    ],
    ids=str,
)
def test_a_run_of_unsound_steps_is_a_collapse(change):
    state = feed(GUARD.init(), steps=3)
    assert float(GUARD.knobs(feed(state, steps=3, **change))["collapsed"]) == 0
    lost = feed(state, steps=4, **change)
    assert float(GUARD.knobs(lost)["collapsed"]) == 1
    assert float(GUARD.knobs(feed(lost, steps=9))["collapsed"]) == 1, "until it is rolled back"
    interrupted = feed(feed(feed(state, steps=3, **change), steps=1), steps=3, **change)
    assert float(GUARD.knobs(interrupted)["collapsed"]) == 0


def test_a_diversity_that_was_not_measured_says_nothing():
    assert float(GUARD.knobs(feed(GUARD.init(), steps=9, diversity=float("nan")))["collapsed"]) == 0


def test_each_rollback_halves_the_learning_rates_and_there_are_so_many():
    state, scales = GUARD.init(), []
    for _ in range(5):
        state = rolled_back(feed(state, steps=5, finite=0.0))
        knobs = GUARD.knobs(state)
        assert float(knobs["collapsed"]) == 0
        scales.append(float(knobs["learning_rate_scale"]))
    assert scales == [0.5, 0.25, 0.125, 0.125, 0.125]
    assert float(GUARD.knobs(state)["rollbacks"]) == 3


def test_a_vae_has_no_critic_to_watch():
    assert set(collapse_guard(critic=False).reads) == {"finite", "diversity"}
