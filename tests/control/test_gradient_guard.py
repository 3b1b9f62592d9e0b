"""Gradient guard: what is too long, and that nothing is too long for ever."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.control import gradient_guard
from genjax.errors import InputError


@pytest.fixture(scope="module")
def guard():
    controller = gradient_guard("critic", decay=0.9, start=10, patience=5)
    return controller, jax.jit(controller.update)


def feed(guard, norms, state=None):
    """(state, limits before each norm)."""
    controller, update = guard
    state, limits = controller.init() if state is None else state, []
    for norm in norms:
        limits.append(float(controller.knobs(state)["critic_gradient_limit"]))
        state = update({"critic_gradient_norm": jnp.float32(norm)}, state)
    return state, limits


def test_the_limit_is_mean_and_deviations(guard):
    norms = [1.0, 2.0] * 40
    state, limits = feed(guard, norms)
    assert limits[:10] == [1e9] * 10
    mean, square = 1.0, 1.0
    for norm in norms[1:]:
        mean, square = 0.9 * mean + 0.1 * norm, 0.9 * square + 0.1 * norm**2
    limit = mean + 3 * np.sqrt(square - mean**2)
    assert float(guard[0].knobs(state)["critic_gradient_limit"]) == pytest.approx(limit, rel=1e-3)


def test_an_outlier_hardly_moves_it(guard):
    state, _ = feed(guard, [1.0] * 60)
    _, limits = feed(guard, [1e6, 1.0, 1.0], state)
    assert limits[0] < 1.1
    assert limits[-1] < 4


def test_a_norm_that_stays_high_is_let_through_after_some_updates(guard):
    state, _ = feed(guard, [1.0] * 60)
    _, limits = feed(guard, [1e6] * 40, state)
    refused = [limit < 1e6 for limit in limits]
    assert any(refused)
    assert not any(refused[6:]), "within patience and one"


def test_a_norm_that_is_not_finite_never_enters(guard):
    state, _ = feed(guard, [1.0, 1.5] * 30)
    after, _ = feed(guard, [float("nan"), float("inf"), float("-inf")], state)
    assert jax.tree.leaves(after) == jax.tree.leaves(state)


def test_it_says_what_to_do():
    for skip in (False, True):
        controller = gradient_guard("vae", skip=skip)
        assert float(controller.knobs(controller.init())["vae_gradient_skip"]) == skip
    with pytest.raises(InputError, match="expected above 0"):
        gradient_guard("vae", deviations=0.0)
