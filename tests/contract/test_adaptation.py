"""Every transfer and every controller with the toy family: what fits works, what does not is refused by name."""

import dataclasses
import signal

import jax
import numpy as np
import pytest
from tiny import USUAL, leaves_equal
from toy import MEASURED
from toy_runs import TOY_MODEL, adapted_toy, in_step

from genjax.control.registry import CONTROLLERS, NO_CONTROL, ControlConfig, build_as_if_on, fits, flag
from genjax.errors import InputError
from genjax.families.registry import build_learner, build_transfers
from genjax.store.model import load_model
from genjax.training.loop import adapt
from genjax.training.plan import plan_adaptation
from genjax.training.stage import fresh_state
from genjax.tree import flatten

LATENTS = np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)
SPECS = {spec.name: spec for spec in CONTROLLERS}
FITTING = ("learning_rate_annealing", "adaptive_weight", "gradient_guard", "collapse_guard")


def generator(learner):
    """The learner's function from latents to images, compiled."""
    assert learner.latents is not None
    return jax.jit(learner.latents.generate)


@pytest.fixture(scope="module")
def expected(source):
    """The images that the source makes of LATENTS."""
    kept = load_model(source)
    return generator(build_learner(kept.config))(kept.networks, kept.context, LATENTS)


@pytest.mark.parametrize("transfer", [name for name in USUAL if name != "cdc"])
def test_a_transfer_begins_with_the_images_of_the_source_and_trains(transfer, expected, source, tmp_path):
    config = adapted_toy(source, tmp_path / "run", transfer)
    plan = plan_adaptation(config)
    (stage,) = plan.stages
    generate, state = generator(stage.learner), fresh_state(plan, stage)
    np.testing.assert_array_equal(generate(state.trainable, state.context, LATENTS), expected)
    after = adapt(config).state
    assert int(after.step) == 2
    assert float(np.abs(generate(after.trainable, after.context, LATENTS) - expected).max()) > 1e-3


def test_a_transfer_that_does_not_fit_is_refused_before_a_folder_is_made(source, tmp_path):
    with pytest.raises(InputError, match="--transfer cdc needs features of a forward pass, which no published network"):
        adapt(adapted_toy(source, tmp_path / "run", "cdc"))
    assert not (tmp_path / "run").exists()


def test_what_is_frozen_by_default_stays(source, tmp_path):
    after = load_model(adapt(adapted_toy(source, tmp_path / "run", "freeze")).folder.path)
    before, now = flatten(load_model(source).params()), flatten(after.params())
    assert [name for name in now if np.array_equal(now[name], before[name])] == ["toy/shift/kernel"]


def test_an_adaptation_that_was_stopped_goes_on_bit_for_bit(source, tmp_path, monkeypatch):
    config = adapted_toy(source, tmp_path / "run", "l2_sp", steps=4)
    whole = adapt(dataclasses.replace(config, out=tmp_path / "whole"))
    with monkeypatch.context() as patch:
        in_step(patch, 1, lambda: signal.raise_signal(signal.SIGINT))
        assert adapt(config).signal == signal.SIGINT
    leaves_equal(whole.state, adapt(config, resume=True).state)


@pytest.mark.parametrize("name", FITTING)
def test_a_controller_that_fits_steers_three_steps(name):
    control = dataclasses.replace(NO_CONTROL, **SPECS[name].switches)
    learner = build_learner(TOY_MODEL, build_transfers("l2_sp", TOY_MODEL), control)
    batch = {"image": np.random.default_rng(0).integers(0, 256, (8, 16, 16, 1), dtype=np.uint8)}
    state, step, metrics = jax.jit(learner.init)(jax.random.key(0), batch), jax.jit(learner.step), {}
    for _ in range(3):
        state, metrics = step(state, batch)
    assert learner.controller.sets
    assert {f"control/{knob}" for knob in learner.controller.sets} <= set(metrics)
    assert all(np.isfinite(value) for value in metrics.values())


@pytest.mark.parametrize("name", [name for name in SPECS if name not in FITTING])
def test_a_controller_that_does_not_fit_is_refused_by_its_option(name):
    spec, usual = SPECS[name], ControlConfig()
    assert not fits(build_as_if_on(spec, NO_CONTROL, MEASURED), MEASURED)
    # One that is on by default is left out of a family that it does not fit; it was not asked for.
    asked = {name: value / 2 if value == getattr(usual, name) else value for name, value in spec.switches.items()}
    with pytest.raises(InputError, match=r"is for .*, and this is a toy\. Leave it out\.") as caught:
        build_learner(TOY_MODEL, control=dataclasses.replace(NO_CONTROL, **asked))
    assert any(flag(option) in str(caught.value) for option in asked)
