"""Every transfer in a run: it begins at the source exactly, and what is saved is what was trained."""

import json
import shutil

import jax
import numpy as np
import pytest
from tiny import USUAL, adapt_config, leaves_equal

from genjax.config import AdaptConfig, ControlConfig
from genjax.errors import InputError
from genjax.evaluate.sampling import sample_run
from genjax.store.model import load_model
from genjax.training.loop import adapt
from genjax.training.plan import plan_adaptation
from genjax.training.stage import fresh_state
from genjax.transfer import kernel_modulation
from genjax.transfer.ewc import Ewc
from genjax.transfer.freeze import Freeze
from genjax.transfer.registry import chosen
from genjax.tree import flatten

FEW = {"ewc": Ewc(examples=8)}


def first_state(plan):
    """Returns the state before the first step of a model of one stage."""
    (stage,) = plan.stages
    return fresh_state(plan, stage)


@pytest.fixture(scope="module")
def sources(kept_runs, tmp_path_factory):
    """A source of each family; what an adaptation asks of it is kept beside it."""
    folder = tmp_path_factory.mktemp("recipes")
    for family in ("gan", "vae"):
        shutil.copytree(kept_runs / family, folder / family)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "name"),
    [*(("vae", name) for name in (*USUAL, "lora,cdc")), *(("gan", name) for name in ("freeze", "ewc", "miner"))],
)
def test_it_begins_at_the_source_exactly(sources, tmp_path, family, name):
    plan = plan_adaptation(adapt_config(sources / family, tmp_path / "run", transfer=chosen(name, FEW)))
    state, source = first_state(plan), load_model(sources / family)
    (stage,) = plan.stages
    for network, params in source.params().items():
        leaves_equal(stage.learner.transfers[network].params(state.trainable[network], state.context[network]), params)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["ewc", "miner", "cdc", "kernel_modulation", "replay", "scale_shift", "singular_values"]
)
def test_what_is_saved_is_what_was_trained(sources, tmp_path, name):
    outcome = adapt(adapt_config(sources / "vae", tmp_path / "run", transfer=chosen(name, FEW)))
    model = load_model(tmp_path / "run")
    saved, trained = model.networks["vae"], outcome.state.average["vae"]
    if name == "kernel_modulation":  # holds more numbers than the parameters, so that these are saved
        saved = model.params()["vae"]
        trained = kernel_modulation(None).params(trained, outcome.state.context["vae"])
    leaves_equal(flatten(saved), flatten(trained))
    assert len(sample_run(tmp_path / "run", 3)) == 3
    if name != "ewc":
        return
    (kept,) = (sources / "vae" / "model" / "latest").glob("fisher-*-8.safetensors")
    before = kept.stat().st_mtime_ns
    plan_adaptation(adapt_config(sources / "vae", tmp_path / "again", transfer=chosen(name, FEW)))
    assert kept.stat().st_mtime_ns == before, "the information is kept with the source"


@pytest.mark.slow
def test_an_adaptation_of_an_adaptation_knows_its_ancestors(sources, tmp_path):
    adapt(adapt_config(sources / "vae", tmp_path / "first", transfer="lora", steps=2))
    adapt(adapt_config(tmp_path / "first", tmp_path / "second", transfer="l2_sp", steps=2, data="glyphs:letters"))
    values = json.loads((tmp_path / "second" / "model" / "latest" / "model.json").read_text())
    assert [(one["data"], one["transfer"]) for one in values["ancestry"]] == [("digits", "none"), ("glyphs", "lora")]
    assert values["ancestry"][-1]["identity"] == values["source"]["identity"] == load_model(tmp_path / "first").identity


def test_a_mined_model_is_no_source(sources, tmp_path):
    adapt(adapt_config(sources / "vae", tmp_path / "mined", transfer="miner", steps=2))
    with pytest.raises(InputError, match="moves its latents"):
        plan_adaptation(adapt_config(tmp_path / "mined", tmp_path / "next"))


def test_controllers_are_reset_or_carried(sources, tmp_path):
    ended = json.loads((sources / "vae" / "model" / "latest" / "model.json").read_text())["control"]
    (name,) = (name for name in ended if name.endswith("log_weight"))
    for choice, expected in (("reset", 0.0), ("carry", ended[name][1])):
        plan = plan_adaptation(adapt_config(sources / "vae", tmp_path / "run", control_state=choice))
        assert float(first_state(plan).control[0].log_weight) == expected
    assert expected != 0
    other = adapt_config(
        sources / "vae", tmp_path / "run", control_state="carry", control=ControlConfig(geco_tolerance=0.0)
    )
    with pytest.raises(InputError, match="cannot be carried"):
        plan_adaptation(other)
    annealed = adapt_config(
        sources / "vae", tmp_path / "run", control_state="carry", control=ControlConfig(anneal_steps=3)
    )
    with pytest.raises(InputError, match=r"learning rates were annealed to their end\. Use --control-state reset"):
        plan_adaptation(annealed)


def test_what_is_carried_outlives_the_run_that_uses_it_up(sources, tmp_path):
    """A rollback to the beginning needs it once more; a step writes over the state that it is given."""
    plan = plan_adaptation(adapt_config(sources / "vae", tmp_path / "run", control_state="carry"))
    first = first_state(plan)
    expected = jax.tree.map(np.array, first.control)
    for leaf in jax.tree.leaves(first.control):
        leaf.delete()
    leaves_equal(first_state(plan).control, expected)


def test_options_of_the_other_family_are_refused(sources, tmp_path):
    config = adapt_config(sources / "vae", tmp_path / "run", control=ControlConfig(lecam_weight=0.3))
    with pytest.raises(InputError, match=r"--control.lecam-weight is for a GAN, and this is a VAE"):
        plan_adaptation(config)
    both = ControlConfig(optimal_sigma=0.01)
    with pytest.raises(InputError, match=r"--control.geco-tolerance and --control.optimal-sigma both set"):
        plan_adaptation(adapt_config(sources / "vae", tmp_path / "run", control=both))
    assert AdaptConfig().control == ControlConfig()


@pytest.mark.parametrize("patterns", [("generator/*", "critic/*"), ("critic/*", "generator/*")])
def test_an_adaptation_that_trains_nothing_is_refused_by_the_option_that_froze_all(kept_runs, tmp_path, patterns):
    config = adapt_config(kept_runs / "gan", tmp_path / "out", transfer=(Freeze(patterns),))
    with pytest.raises(InputError, match=r"--transfer freeze --freeze\..* leaves nothing to train") as error:
        plan_adaptation(config)
    assert all(f"--freeze.{network} '*'" in str(error.value) for network in ("generator", "critic"))
    assert not (tmp_path / "out").exists()


def test_one_frozen_network_of_two_is_allowed(kept_runs, tmp_path):
    assert plan_adaptation(adapt_config(kept_runs / "gan", tmp_path / "out", transfer=(Freeze(("generator/*",)),)))
