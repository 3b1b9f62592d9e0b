"""Power-function averages: their weights, and others rebuilt from a few of them."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from genjax.control import chain
from genjax.errors import InputError
from genjax.families.averages import (
    AveragedState,
    Profile,
    averages_of,
    check_widths,
    gamma_of,
    inner_products,
    mixture,
    weight_at,
)
from genjax.families.one_network import learner_of
from genjax.transfer import full

WIDTHS = (0.1, 0.05)


def weights(width, step, steps):
    """The weight of each of so many steps in the average at a step: the difference of (s / step)^(gamma + 1)."""
    reached = np.minimum(np.arange(steps + 1) / step, 1.0)
    return np.diff(reached ** (gamma_of(width) + 1))


@pytest.mark.parametrize(("width", "gamma"), [(0.05, 16.9722), (0.10, 6.93720), (0.15, 3.55787)])
def test_gamma_of_the_paper_s_widths(width, gamma):
    assert gamma_of(width) == pytest.approx(gamma, rel=1e-5)


@pytest.mark.parametrize("width", [0.01, 0.07, 0.2, 0.28])
def test_a_width_is_the_deviation_of_the_weights_as_a_share_of_the_training(width):
    share, mass = (np.arange(100_000) + 0.5) / 100_000, weights(width, 100_000, 100_000)
    mean = share @ mass
    assert np.sqrt((share - mean) ** 2 @ mass) == pytest.approx(width, rel=1e-3)


def test_beta_of_a_step():
    assert 1 - float(weight_at(gamma_of(0.1), jnp.int32(1000))) == pytest.approx(0.99209027, abs=1e-7)
    assert float(weight_at(gamma_of(0.1), jnp.int32(1))) == 1.0
    # float64 by hand; 1 - beta in float32 would be 4 % off
    expected = 1 - (1 - 1e-7) ** (gamma_of(0.1) + 1)
    assert float(weight_at(gamma_of(0.1), jnp.int32(10_000_000))) == pytest.approx(expected, rel=1e-5)


def test_inner_products_are_integrals():
    first, second = [Profile(60, 7.0), Profile(100, 2.5)], [Profile(100, 17.0), Profile(60, 2.0), Profile(80, 7.0)]
    times = (np.arange(200_000) + 0.5) * 100 / 200_000

    def density(profile):
        inside = (profile.gamma + 1) * times**profile.gamma / profile.step ** (profile.gamma + 1)
        return np.where(times <= profile.step, inside, 0.0)

    expected = [[density(one) @ density(two) * 100 / 200_000 for two in second] for one in first]
    np.testing.assert_allclose(inner_products(first, second), expected, rtol=1e-3)


def profiles(steps, widths=WIDTHS):
    return [Profile(step, gamma_of(width)) for step in steps for width in widths]


def test_an_average_that_was_kept_is_its_own_mixture():
    found = mixture(profiles(range(100, 1001, 100)), Profile(1000, gamma_of(0.05)))
    np.testing.assert_allclose(found.factors, [0.0] * 19 + [1.0], atol=1e-6)
    assert found.error < 1e-6


@pytest.mark.parametrize(("width", "largest"), [(0.04, 0.02), (0.07, 0.005), (0.15, 0.015), (0.2, 0.04)])
def test_the_error_is_that_of_the_weights_over_the_steps(width, largest):
    steps = range(64, 1025, 64)
    found = mixture(profiles(steps), Profile(1024, gamma_of(width)))
    kept = np.array([weights(kept, step, 1024) for step in steps for kept in WIDTHS])
    wanted = weights(width, 1024, 1024)
    error = np.linalg.norm(found.factors @ kept - wanted) / np.linalg.norm(wanted)
    assert found.error == pytest.approx(error, rel=0.05)
    assert found.error < largest
    assert found.factors.sum() == pytest.approx(1.0)


def test_averages_of_steps_side_by_side_do_not_make_factors_large():
    plain = mixture(profiles([*range(64, 1025, 64)]), Profile(1024, gamma_of(0.15)))
    beside = mixture(profiles([*range(64, 1025, 64), 1023]), Profile(1024, gamma_of(0.15)))
    assert np.abs(beside.factors).sum() < 2 * np.abs(plain.factors).sum()
    assert beside.error <= plain.error * 1.001


def test_a_rebuilt_average_is_near_to_one_that_was_kept():
    """A walk of 2000 parameters, half drift, half noise, with snapshots in half precision."""
    rng, steps = np.random.default_rng(0), 2048
    walk = np.cumsum(rng.normal(size=(steps, 2000)) * 1e-2, axis=0) + np.linspace(0, 1, steps)[:, None] ** 0.5
    times = range(128, steps + 1, 128)
    kept = np.array([weights(width, step, steps) @ walk for step in times for width in WIDTHS]).astype(np.float16)
    for width in (0.04, 0.07, 0.12, 0.15, 0.2):
        found = mixture(profiles(times), Profile(steps, gamma_of(width)))
        direct = weights(width, steps, steps) @ walk
        error = np.linalg.norm(found.factors @ kept - direct) / np.linalg.norm(direct)
        moved = np.linalg.norm(walk[-1] - direct) / np.linalg.norm(direct)  # what it would be without any average
        assert error < 3e-3 < moved / 10


def toy_learner(widths):
    """A single number that goes to 1."""
    return learner_of(
        "toy",
        fresh=lambda key, batch: {"bias": jnp.zeros(3)},
        objective=lambda params, batch, key: (jnp.square(params["bias"] - 1).sum(), {}),
        optimizer=optax.sgd(0.05),
        controller=chain(),
        transfer=full(),
        ema_images=0.0,
        ema_widths=widths,
    )


def test_a_learner_s_averages_weigh_every_step_by_its_power():
    learner, batch, path = toy_learner(WIDTHS), {"image": np.zeros((2, 4, 4, 1), np.uint8)}, []
    state, step = learner.init(jax.random.key(0), batch), jax.jit(learner.step)
    for _ in range(30):
        state, _ = step(state, batch)
        path.append(np.asarray(state.trainable["toy"]["bias"]))
    assert isinstance(state, AveragedState)
    assert learner.averages is not None
    found = learner.averages(state)
    assert list(found) == ["0.1", "0.05"]
    assert found["0.1"] is state.average
    for width in WIDTHS:
        expected = weights(width, 30, 30) @ np.array(path)
        np.testing.assert_allclose(found[f"{width:g}"]["toy"]["bias"], expected, rtol=1e-5)


def test_a_learner_without_widths_has_the_state_that_it_had():
    learner = toy_learner(())
    state = learner.init(jax.random.key(0), {"image": np.zeros((2, 4, 4, 1), np.uint8)})
    assert not isinstance(state, AveragedState)
    assert learner.averages is None
    assert averages_of(state, ()) == {}


@pytest.mark.parametrize(
    ("widths", "message"),
    [((0.1, 0.1), "one of them twice"), ((0.3,), "--x 0.3: expected 0.01 to 0.28"), ((float("nan"),), "--x nan")],
)
def test_widths_that_cannot_be_kept_are_refused(widths, message):
    with pytest.raises(InputError, match=message):
        check_widths(widths, option="--x")
