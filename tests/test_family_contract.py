"""The contract of a family: one file and one entry are enough for all that a run can be asked. The family is tests/toy.py.

Runs are of the toy family, whose step compiles at once; what needs no run is asked of every family.
"""

import dataclasses
import json
import shutil
import signal
from pathlib import Path

import jax
import numpy as np
import pytest
from tiny import TINY_GAN, TINY_VAE, adapt_config, leaves_equal, train_config
from toy import MEASURED, TOY, ToyConfig

from genjax.cli.main import main
from genjax.config import ModelConfig, TrainConfig
from genjax.config.run import config_from_json, config_to_json
from genjax.control.registry import CONTROLLERS, NO_CONTROL, build_as_if_on, fits, flag
from genjax.errors import InputError
from genjax.evaluate.run_data import load_images
from genjax.families.family import Training
from genjax.families.registry import (
    FAMILIES,
    build_learner,
    build_transfers,
    family_named,
    model_from_json,
    model_to_json,
    other_families,
)
from genjax.families.text_to_image.network_options import PriorConfig, RerankerConfig
from genjax.families.text_to_image.options import TextToImageConfig
from genjax.families.text_to_image.tokenizer_options import TokenizerConfig
from genjax.store.metrics import read_metrics
from genjax.store.model import load_model, read_model_config
from genjax.training import stage as stage_module
from genjax.training.loop import adapt, train
from genjax.training.plan import plan_adaptation
from genjax.training.stage import fresh_state
from genjax.transfer.lora import Lora
from genjax.transfer.registry import TRANSFERS
from genjax.transfer.transfer import applies

ROOT = Path(__file__).parents[1]
TEXT_TO_IMAGE = TextToImageConfig(
    tokenizer=TokenizerConfig(grid=4, codes=8, code_size=4, width=4, depth=0),
    prior=PriorConfig(width=16, depth=1, heads=2),
    reranker=RerankerConfig(width=4, text_width=8, text_depth=1, text_heads=2, embedding_size=8),
)
EVERY = {"gan": TINY_GAN, "vae": TINY_VAE, "text2image": TEXT_TO_IMAGE, "toy": ToyConfig()}
FITTING = {"lora": Lora(rank=1)}  # of a kernel with four rows no other saves numbers
TOY_MODEL = ModelConfig("toy", 16, 1, "float32", 8, ToyConfig())
TINY_LINE = ["--data", "digits", "--num-images", 40, "--batch", 8, "--steps", 4]


@pytest.fixture(scope="module", autouse=True)
def entered():
    """The one entry that a family needs, for the tests of this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FAMILIES, "toy", TOY)
        yield


def toy_config(out, **changes):
    return train_config("toy", out, **({"model": "toy", "save_every": 2} | changes))


def genjax(*arguments):
    """The exit code of a command line, in this process."""
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The folder of a trained toy, of 4 steps and as many images of 8; to be read only."""
    out = tmp_path_factory.mktemp("toy") / "run"
    assert genjax("train", "--model", "toy", *TINY_LINE, "--evaluate-every", 0, "--toy.rate", 0.2, "--out", out) == 0
    return out


# What needs no run, of every family


def model_of(name):
    """A tiny model of a family, with the condition that captioned images give it."""
    family, options = FAMILIES[name], EVERY[name]
    images = load_images(family, "glyphs", size=16, num=20, seed=0)
    return ModelConfig(name, 16, images.images.shape[-1], "float32", 8, options, family.condition(options, images))


@pytest.mark.parametrize("name", EVERY)
def test_a_family_says_the_same_of_its_networks_everywhere(name):
    family, model = FAMILIES[name], model_of(name)
    assert family.name == name
    offers, networks = family.offers(model), family.networks(model)
    assert sorted(offers) == sorted(networks)
    assert family.published(model)
    stages = family.stages(model, Training({}, control=NO_CONTROL, others=other_families(), steps=4, images=20))
    found = {stage.name: sorted(stage.learner.transfers) for stage in stages}
    assert found == {stage: sorted(names) for stage, names in family.stage_networks(model).items()}
    assert all(len(rows) == 1 for stage in stages for rows in stage.example.values())
    assert model_from_json(json.loads(json.dumps(model_to_json(model))), where="model.json") == model


@pytest.mark.parametrize("name", EVERY)
def test_a_config_of_a_family_is_the_same_after_json(name, tmp_path):
    config = TrainConfig(model=EVERY[name], out=tmp_path)
    values = json.loads(json.dumps(config_to_json(config)))
    assert config_from_json(TrainConfig, values, where="config.json") == config
    with pytest.raises(InputError, match="unknown key 'depht'"):
        config_from_json(TrainConfig, {**values, name: {"depht": 2}}, where="config.json")


@pytest.mark.parametrize("transfer", TRANSFERS)
@pytest.mark.parametrize("name", EVERY)
def test_a_transfer_fits_a_family_or_is_refused_by_name(name, transfer):
    spec, model = TRANSFERS[transfer], model_of(name)
    options = FITTING.get(transfer, spec.options())
    if any(applies(spec, offer) for offer in FAMILIES[name].offers(model).values()):
        assert set(build_transfers((options,), model)) == set(FAMILIES[name].networks(model))
        return
    with pytest.raises(InputError, match=rf"--transfer {transfer}\b"):
        build_transfers((options,), model)


def test_a_controller_that_does_not_fit_is_refused_by_its_option():
    refused = 0
    for spec in CONTROLLERS:
        control = dataclasses.replace(NO_CONTROL, **spec.switches)
        if not fits(build_as_if_on(spec, control, MEASURED), MEASURED):
            refused += 1
            with pytest.raises(InputError, match=r"--control\.") as caught:
                build_learner(TOY_MODEL, control=control)
            assert any(flag(name) in str(caught.value) for name in spec.switches)
    assert refused
    assert refused < len(CONTROLLERS)


# One file and one entry


def test_nothing_in_the_package_knows_of_the_toy():
    sources = [path for path in (ROOT / "genjax").rglob("*.py") if '"toy"' in path.read_text()]
    assert not sources


def test_a_family_is_known_by_name_while_it_is_entered(source, monkeypatch, capsys):
    with pytest.raises(InputError, match="unknown model 'toi'. Did you mean 'toy'"):
        family_named("toi")
    assert genjax("train", "--model", "toi") == 2
    assert "toy" in capsys.readouterr().err
    with pytest.raises(InputError, match="Use those of gan, vae, text2image, toy."):
        TrainConfig(model=3)
    monkeypatch.delitem(FAMILIES, "toy")
    with pytest.raises(InputError, match="unknown model 'toy'"):
        read_model_config(source)
    for verb in ("sample", "report"):
        assert genjax(verb, source) == 2
        assert "unknown model 'toy'" in capsys.readouterr().err


# Stop and go on


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """The outcome of 6 steps that nothing stopped."""
    return train(toy_config(tmp_path_factory.mktemp("straight") / "run", steps=6))


def in_step(monkeypatch, number, act):
    """Has the feed of a step's batch do something first."""
    real = stage_module.batch_indices

    def feed(n, batch, seed, step):
        if step == number:
            act()
        return real(n, batch, seed, step)

    monkeypatch.setattr(stage_module, "batch_indices", feed)


def same_run(left, right):
    leaves_equal(left.state, right.state)
    assert read_metrics(left.folder.metrics) == read_metrics(right.folder.metrics)


def test_a_signal_in_a_step_stops_and_the_run_goes_on_bit_for_bit(straight, tmp_path, monkeypatch):
    config = toy_config(tmp_path / "run", steps=6, log_every=1)
    whole = train(dataclasses.replace(config, out=tmp_path / "whole"))
    with monkeypatch.context() as patch:
        in_step(patch, 2, lambda: signal.raise_signal(signal.SIGTERM))
        stopped = train(config)
    assert (stopped.signal, int(stopped.state.step)) == (signal.SIGTERM, 3)
    same_run(whole, train(config, resume=True))


def test_a_killed_run_goes_on_from_its_checkpoint_bit_for_bit(straight, tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def kill():
        raise Killed

    config = toy_config(tmp_path / "run", steps=6)
    with monkeypatch.context() as patch:
        in_step(patch, 3, kill)
        with pytest.raises(Killed):
            train(config)
    same_run(straight, train(config, resume=True))


def test_a_signal_on_the_command_line_says_how_to_go_on(straight, tmp_path, monkeypatch, capsys):
    line = ["train", "--model", "toy", *TINY_LINE, "--evaluate-every", 0, "--out", tmp_path / "run"]
    with monkeypatch.context() as patch:
        in_step(patch, 1, lambda: signal.raise_signal(signal.SIGTERM))
        assert genjax(*line) == 128 + signal.SIGTERM
    said = capsys.readouterr().err
    assert "stopped by SIGTERM at step 2; everything is saved." in said
    (way_on,) = [part.split("go on with: genjax ")[1] for part in said.splitlines() if "go on with:" in part]
    assert genjax(*way_on.split()) == 0
    assert load_model(tmp_path / "run").step == 4


# Adaptation and control


def adapted_config(source, out, transfer, **changes):
    options = (FITTING.get(transfer, TRANSFERS[transfer].options()),)
    return adapt_config(source, out, transfer=options, **({"steps": 2, "save_every": 2} | changes))


@pytest.mark.parametrize("transfer", [name for name in TRANSFERS if name != "cdc"])
def test_a_transfer_begins_with_the_images_of_the_source_and_trains(transfer, source, tmp_path):
    config = adapted_config(source, tmp_path / "run", transfer)
    plan = plan_adaptation(config)
    (stage,) = plan.stages
    state, kept = fresh_state(plan, stage), load_model(source)
    latents = stage.learner.latents.draw(jax.random.key(3), 4)
    generate = build_learner(kept.config).latents.generate
    expected = generate(kept.networks, kept.context, latents)
    np.testing.assert_array_equal(stage.learner.latents.generate(state.trainable, state.context, latents), expected)
    outcome = adapt(config)
    assert int(outcome.state.step) == 2
    after = load_model(tmp_path / "run")
    moved = stage.learner.latents.generate(after.networks, after.context, latents)
    assert float(np.abs(moved - expected).max()) > 0


def test_a_transfer_that_does_not_fit_is_refused_before_a_folder_is_made(source, tmp_path):
    with pytest.raises(InputError, match="--transfer cdc needs features of a forward pass, which no published network"):
        adapt(adapted_config(source, tmp_path / "run", "cdc"))
    assert not (tmp_path / "run").exists()


def test_an_adaptation_that_was_stopped_goes_on_bit_for_bit(source, tmp_path, monkeypatch):
    config = adapted_config(source, tmp_path / "run", "ewc", steps=4)
    whole = adapt(dataclasses.replace(config, out=tmp_path / "whole"))
    with monkeypatch.context() as patch:
        in_step(patch, 1, lambda: signal.raise_signal(signal.SIGINT))
        assert adapt(config).signal == signal.SIGINT
    leaves_equal(whole.state, adapt(config, resume=True).state)


@pytest.mark.parametrize("name", ["adaptive_weight", "gradient_guard", "collapse_guard"])
def test_a_controller_that_fits_steers_three_steps(name):
    (spec,) = (one for one in CONTROLLERS if one.name == name)
    control = dataclasses.replace(NO_CONTROL, **spec.switches)
    assert fits(build_as_if_on(spec, control, MEASURED), MEASURED)
    learner = build_learner(TOY_MODEL, build_transfers("l2_sp", TOY_MODEL), control)
    batch = {"image": np.random.default_rng(0).integers(0, 256, (8, 16, 16, 1), dtype=np.uint8)}
    state, step = learner.init(jax.random.key(0), batch), jax.jit(learner.step)
    for _ in range(3):
        state, metrics = step(state, batch)
    assert {f"control/{knob}" for knob in learner.controller.sets} <= set(metrics)
    assert all(np.isfinite(value) for value in metrics.values())


def test_every_controller_is_among_those_that_are_run_or_refused():
    fitting = [spec.name for spec in CONTROLLERS if fits(build_as_if_on(spec, NO_CONTROL, MEASURED), MEASURED)]
    assert fitting == ["adaptive_weight", "gradient_guard", "collapse_guard"]


# Devices


def close_run(left, right):
    for one, other in zip(jax.tree.leaves(left.trainable), jax.tree.leaves(right.trainable), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("changes", [{"devices": 8}, {"devices": 8, "shard_state": True}, {"accumulate": 2}])
def test_devices_and_parts_of_a_batch_change_nothing(changes, straight, tmp_path):
    close_run(straight.state, train(toy_config(tmp_path / "run", steps=6, **changes)).state)


def test_steps_in_one_dispatch_are_the_same_steps(straight, tmp_path):
    config = toy_config(tmp_path / "run", steps=6, steps_per_dispatch=2)
    close_run(straight.state, train(config).state)


# The command line


def test_a_dry_run_computes_nothing(tmp_path, capsys):
    line = ["train", "--model", "toy", *TINY_LINE, "--out", tmp_path / "run", "--dry-run", "--json"]
    assert genjax(*line) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["stages"]["toy"]["trained"] == {"toy": 256 + 4 * 256}
    assert not (tmp_path / "run").exists()


def test_the_verbs_take_a_run_of_the_family(source, tmp_path, capsys):
    run = Path(shutil.copytree(source, tmp_path / "run"))
    assert genjax("sample", run, "--num", 4, "--out", tmp_path / "grid.png") == 0
    assert (tmp_path / "grid.png").exists()
    assert genjax("doctor", run) == 0
    capsys.readouterr()
    assert genjax("evaluate", "--run", run, "--num", 30, "--metrics", "kd,density", "--json") == 0
    assert [record["name"] for record in json.loads(capsys.readouterr().out)] == [
        "KD[embedded-v1]",
        "density[embedded-v1]",
    ]
    assert genjax("report", run, "--num", 20) == 0
    page = (run / "report.html").read_text()
    assert "A toy of 16x16 pixels" in page
    assert "--toy.rate 0.2" in page


def test_an_adaptation_is_typed_and_sampled(source, tmp_path):
    adapting = ["--source", source, "--data", "glyphs", "--shots", 10, "--num-images", 100, "--evaluate-every", 0]
    run = tmp_path / "run"
    assert genjax("adapt", *adapting, "--transfer", "freeze", "--steps", 2, "--out", run) == 0
    assert genjax("sample", run, "--num", 4, "--out", tmp_path / "grid.png") == 0
    assert genjax("doctor", run) == 0


def test_seeds_are_runs_of_which_stability_is_told(tmp_path, capsys):
    out = tmp_path / "runs"
    every = ["--evaluate-every", 2, "--evaluate-num", 20]
    assert genjax("train", "--model", "toy", *TINY_LINE, *every, "--seeds", 2, "--out", out) == 0
    capsys.readouterr()
    assert genjax("stability", out, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [Path(name).name for name in found["runs"]] == ["seed-0", "seed-1"]
