"""Every controller: its knobs stay within their bounds whatever is measured, and its state says everything."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genjax.control import (
    CONTROLLERS,
    NO_CONTROL,
    Controllable,
    ada,
    adaptive_critic_steps,
    adaptive_weight,
    apa,
    balance,
    capacity,
    chain,
    collapse_guard,
    cyclical,
    free_bits,
    geco,
    gradient_guard,
    kl_annealing,
    learning_rate_annealing,
    lecam,
    memorisation,
    optimal_sigma,
    pi_control,
    recipe,
    temperature,
    top_k,
    warm_up,
)
from genjax.errors import InputError

LENGTH = 12
FAR = 1e4
CASES = {  # name: (controller, {knob: (low, high)}), with settings under which much happens in a few steps
    "ada": (ada(images_to_one=9, interval=2), {"augment_probability": (0, 0.8)}),
    "apa": (apa(images_to_one=9, interval=2, bound=0.7), {"replace_probability": (0, 0.7)}),
    "lecam": (
        lecam(start=3),
        {"lecam_weight": (0, 0.3), "lecam_real_anchor": (-FAR, FAR), "lecam_fake_anchor": (-FAR, FAR)},
    ),
    "critic_steps": (
        adaptive_critic_steps(patience=2, decay=0.5, choices=(1, 2, 5)),
        {"critic_steps": (1, 5), "generator_turn": (0, 1)},
    ),
    "balance": (balance(rate=1.0, decay=0.5), {"critic_rate": (0.25, 1), "generator_rate": (0.25, 1)}),
    "geco": (geco(tolerance=0.1, rate=5.0), {"reconstruction_weight": (1e-3, 1e3)}),
    "pi_control": (pi_control(8.0, proportional=1.0, integral=0.5, bounds=(0.1, 2.0)), {"kl_weight": (0.1, 2)}),
    "optimal_sigma": (optimal_sigma(), {"reconstruction_weight": (0.25, 1 / 0.0025**2)}),
    "free_bits": (free_bits(0.25), {"free_nats": (0.25, 0.25)}),
    "capacity": (capacity(20.0, steps=5, weight=10.0), {"kl_capacity": (0, 20), "kl_weight": (10, 10)}),
    "warm_up": (warm_up(4), {"kl_weight": (0, 1)}),
    "cyclical": (cyclical(8, cycles=2), {"kl_weight": (0, 1)}),
    "temperature": (temperature(5), {"temperature": (1 / 16, 1)}),
    "kl_annealing": (kl_annealing(5), {"kl_weight": (0, 6.6)}),
    "learning_rate_annealing": (learning_rate_annealing(5, last=0.1), {"annealed_rate": (0.1, 1)}),
    "recipe": (
        recipe(5, augment=0.0),
        {"annealed_rate": (0.25, 1), "beta2": (0.9, 0.99), "penalty_scale": (0.1, 1), "average_scale": (0, 1)},
    ),
    "top_k": (top_k(5, last=0.25), {"top_fraction": (0.25, 1)}),
    "adaptive_weight": (adaptive_weight(smoothing=0.1, bound=50.0), {"transfer_weight": (0, 50)}),
    "memorisation": (memorisation(0.1, bound=0.02), {"copies_rate": (0.02, 1), "copies_seen": (0, 1)}),
    "memorisation_by_penalty": (
        memorisation(0.1, by="penalty", bound=30.0),
        {"transfer_weight": (1, 30), "copies_seen": (0, 1)},
    ),
    "gradient_guard": (
        gradient_guard("vae", start=2, patience=3, skip=True),
        {"vae_gradient_limit": (0, 1e9), "vae_gradient_skip": (1, 1)},
    ),
    "collapse_guard": (
        collapse_guard(critic=True, patience=3),
        {"collapsed": (0, 1), "unsound_steps": (0, 3), "learning_rate_scale": (0.125, 1), "rollbacks": (0, 3)},
    ),
}
FEW = settings(max_examples=25, deadline=None, derandomize=True)
ANY_NUMBER = st.one_of(
    st.floats(width=32, allow_nan=True, allow_infinity=True),
    st.sampled_from([0.0, 1.0, -1.0, float("nan"), float("inf"), float("-inf"), 3e38, 1e-38, 64.0]),
)


def test_every_controller_is_tried():
    assert set(CASES) == {spec.name for spec in CONTROLLERS} | {
        "temperature",
        "kl_annealing",
        "learning_rate_annealing",
        "memorisation_by_penalty",
    }


@pytest.mark.parametrize("spec", CONTROLLERS, ids=lambda spec: spec.name)
def test_each_is_registered_with_the_signals_and_knobs_of_its_case(spec):
    """By its SPEC, with the usual values of its switches, it reads and sets what the controller tried here does."""
    learner = Controllable("learner", signals=("real_logit", "fake_logit"), knobs=(), networks=("vae",))
    control = dataclasses.replace(NO_CONTROL, **spec.switches)
    (built,) = spec.build(control, learner)
    tried, bounds = CASES[spec.name]
    assert built.name.startswith(spec.name)
    assert (built.reads, built.sets) == (tried.reads, tried.sets)
    assert set(built.knobs(built.init())) == set(bounds)


@pytest.fixture(scope="module", params=CASES)
def case(request):
    """(controller, bounds of its knobs, compiled: signals {name: (LENGTH,)} -> knobs {name: (LENGTH,)})."""
    controller, bounds = CASES[request.param]

    def run(signals):
        def step(state, now):
            state = controller.update(now, state)
            return state, (controller.knobs(state), state)

        return jax.lax.scan(step, controller.init(), signals, length=LENGTH)[1]

    return controller, bounds, jax.jit(run)


def test_knobs_stay_within_their_bounds_for_any_signals(case):
    controller, bounds, run = case
    assert set(controller.sets) == set(bounds) == set(controller.knobs(controller.init()))
    check_within(controller.knobs(controller.init()), bounds)

    @FEW
    @given(
        numbers=st.lists(ANY_NUMBER, min_size=LENGTH * len(controller.reads), max_size=LENGTH * len(controller.reads))
    )
    def hold(numbers):
        columns = np.asarray(numbers, np.float32).reshape(-1, LENGTH)
        check_within(run({name: jnp.asarray(c) for name, c in zip(controller.reads, columns, strict=True)})[0], bounds)

    hold()


def check_within(knobs, bounds):
    for name, values in knobs.items():
        low, high = bounds[name]
        values = np.asarray(values)
        assert np.isfinite(values).all(), name
        assert values.min() >= low * (1 - 1e-5) - 1e-6, (name, values)
        assert values.max() <= high * (1 + 1e-5) + 1e-6, (name, values)


def test_the_state_says_everything(case):
    """From the state after half of the steps, as it is stored, the rest comes out bit for bit."""
    controller, _, run = case
    rng = np.random.default_rng(0)
    signals = {name: jnp.asarray(rng.uniform(0, 2, LENGTH), jnp.float32) for name in controller.reads}
    knobs, states = run(signals)
    for leaf in jax.tree.leaves(states):
        assert leaf.shape == (LENGTH,), "a state of scalars"
    half = LENGTH // 2
    stored = [np.asarray(leaf)[half - 1].tobytes() for leaf in jax.tree.leaves(states)]
    kinds = [leaf.dtype for leaf in jax.tree.leaves(states)]
    like = jax.tree.structure(controller.init())
    state = like.unflatten([jnp.asarray(np.frombuffer(s, k)[0]) for s, k in zip(stored, kinds, strict=True)])
    update = jax.jit(controller.update)
    for step in range(half, LENGTH):
        state = update({name: values[step] for name, values in signals.items()}, state)
    for name, value in controller.knobs(state).items():
        np.testing.assert_allclose(value, knobs[name][-1], rtol=1e-6)


def test_those_of_one_family_work_together():
    names = ("ada", "apa", "lecam", "critic_steps", "balance", "adaptive_weight", "collapse_guard")
    together = chain(*(CASES[name][0] for name in names), gradient_guard("critic"), gradient_guard("generator"))
    assert "learning_rate_scale" in together.knobs(together.init())
    chain(*(CASES[name][0] for name in ("geco", "pi_control", "free_bits", "gradient_guard", "adaptive_weight")))


@pytest.mark.parametrize(
    ("first", "second", "knob"),
    [("pi_control", "warm_up", "kl_weight"), ("geco", "optimal_sigma", "reconstruction_weight")],
)
def test_two_that_set_one_knob_are_refused(first, second, knob):
    with pytest.raises(InputError, match=f"both set the knob '{knob}'"):
        chain(CASES[first][0], CASES[second][0])
