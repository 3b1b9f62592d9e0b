"""A rehearsal says what training would train, and leaves nothing behind."""

import json

import jax
import numpy as np
import pytest
from tiny import adapt_config, train_config

from genjax.cli import main as cli
from genjax.devices.sharding import along, placed_like
from genjax.errors import InputError
from genjax.store.model import load_model
from genjax.training.dry_run import rehearse
from genjax.training.plan import plan_training
from genjax.training.stage import state_shapes
from genjax.tree import count


@pytest.fixture
def source(kept_runs):
    """A tiny VAE that was trained."""
    return kept_runs / "vae"


def test_what_is_announced_is_what_is_trained(source, tmp_path):
    found = rehearse(train_config("vae", tmp_path / "rehearsed"))["stages"]["vae"]
    assert found["trained"] == {"vae": count(load_model(source).params()["vae"])}
    assert found["bytes"]["trainable"] == 4 * found["trained"]["vae"]
    assert found["bytes"]["optimizer"] >= 2 * found["bytes"]["trainable"]
    assert found["flops"]["step"] == 8 * found["flops"]["image"] > 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("transfer", ["lora", "ewc"])
def test_an_adaptation_is_rehearsed_and_its_source_left_alone(transfer, source, tmp_path):
    before = sorted(source.rglob("*"))
    found = rehearse(adapt_config(source, tmp_path / "rehearsed", transfer=transfer))["stages"]["vae"]
    everything = count(load_model(source).params()["vae"])
    assert found["trained"]["vae"] == everything if transfer == "ewc" else found["trained"]["vae"] < everything
    assert sorted(source.rglob("*")) == before
    assert not list(tmp_path.iterdir())


def test_more_images_need_more_memory_and_work_but_no_more_state(tmp_path):
    small, large = (rehearse(train_config("vae", tmp_path / "x", batch=batch))["stages"]["vae"] for batch in (8, 32))
    assert large["bytes"]["activations"] > 3 * small["bytes"]["activations"]
    assert large["flops"]["step"] > 3 * small["flops"]["step"]
    assert large["bytes"]["optimizer"] == small["bytes"]["optimizer"]


@pytest.mark.slow
def test_each_device_holds_its_share(tmp_path):
    """Against the plan of the step that is compiled for as many devices, within what the message says."""
    config = train_config("vae", tmp_path / "x", devices=8)
    plan = plan_training(config)
    (stage,) = plan.stages
    shapes = state_shapes(plan, stage)
    mesh = plan.layout.mesh
    assert mesh is not None
    images = jax.ShapeDtypeStruct((plan.batch, 16, 16, 1), np.uint8, sharding=along(mesh, 0))
    step = jax.jit(stage.learner.step, donate_argnums=0).lower(placed_like(plan.layout, shapes), {"image": images})
    found = step.compile().memory_analysis()
    assert found is not None
    held = found.argument_size_in_bytes + found.output_size_in_bytes + found.temp_size_in_bytes
    said = sum(rehearse(config)["stages"]["vae"]["bytes"].values())
    assert 0.6 < said / (held - found.alias_size_in_bytes) < 1.6


def test_what_training_refuses_is_refused(source):
    with pytest.raises(InputError, match="exists already"):
        rehearse(train_config("vae", source))


TINY = ["--model", "vae", "--vae.width", "8", "--num-images", "40", "--batch", "8"]


def test_the_command_prints_a_table_or_json(tmp_path, capsys):
    arguments = ["train", *TINY, "--out", str(tmp_path / "x"), "--dry-run"]
    assert cli.main(arguments) == 0
    shown = capsys.readouterr().out
    assert "decoder/up_16/kernel" in shown
    assert "Nothing was compiled or written." in shown
    assert cli.main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"introduction", "stages", "available"}
    assert {name: set(stage) for name, stage in found["stages"].items()} == {
        "vae": {"parameters", "trained", "bytes", "flops"}
    }
    assert not list(tmp_path.iterdir())


def test_json_is_of_a_rehearsal_only(tmp_path, capsys):
    assert cli.main(["train", *TINY, "--out", str(tmp_path / "x"), "--json"]) == 2
    assert "--json goes with --dry-run" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
