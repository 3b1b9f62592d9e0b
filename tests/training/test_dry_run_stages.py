"""A rehearsal of a family of several stages says what each would train, and leaves nothing behind."""

import json

import jax
import pytest
from text_to_image_tiny import STAGES, kept, text_config

from genjax.cli import main as cli
from genjax.config import AdaptConfig
from genjax.devices.memory import planned
from genjax.errors import InputError
from genjax.store.checkpoint import open_checkpoints, restore
from genjax.store.model import load_model
from genjax.training.dry_run import rehearse
from genjax.training.plan import plan_training
from genjax.training.stage import state_shapes
from genjax.tree import count

pytestmark = pytest.mark.slow  # they train and draw from a whole text-to-image model


@pytest.fixture(scope="module")
def folder():
    """A model that was trained, to be read only."""
    return kept()


@pytest.fixture(scope="module")
def plan(folder):
    """The plan of such a training."""
    return plan_training(text_config(folder.parent / "other"))


def test_what_is_announced_is_what_is_trained(folder, tmp_path):
    found = rehearse(text_config(tmp_path / "rehearsed"))["stages"]
    assert list(found) == list(STAGES)
    for name, network in load_model(folder).networks.items():
        assert found[name]["trained"] == {name: count(network)}
        assert found[name]["bytes"]["trainable"] == 4 * count(network)
        assert found[name]["flops"]["step"] == 8 * found[name]["flops"]["image"] > 0
    assert not list(tmp_path.iterdir())


def test_the_state_is_the_one_that_is_saved(folder, plan, tmp_path):
    """Bytes of parameters, averages and optimisers against those of the checkpoint that training left."""
    found = rehearse(text_config(tmp_path / "rehearsed"))["stages"]
    for stage in plan.stages:
        with open_checkpoints(folder / stage.name / "checkpoints") as checkpoints:
            restored = restore(checkpoints, state_shapes(plan, stage))
        assert restored is not None
        state, _ = restored
        for part in ("trainable", "average", "optimizer"):
            saved = sum(leaf.nbytes for leaf in jax.tree.leaves(getattr(state, part)))
            assert found[stage.name]["bytes"][part] == saved


def test_each_stage_is_fed_what_training_feeds_it(folder, plan):
    finished = load_model(folder).params()
    for stage in plan.stages:
        rows = stage.columns(plan.images, finished)
        assert {name: (part.shape[1:], part.dtype) for name, part in rows.items()} == {
            name: (part.shape[1:], part.dtype) for name, part in stage.example.items()
        }


def test_the_plans_of_the_compiled_steps_are_near(plan, tmp_path):
    """Within what the message says."""
    found = rehearse(text_config(tmp_path / "rehearsed"))["stages"]
    for stage in plan.stages:
        said = sum(found[stage.name]["bytes"].values())
        state = state_shapes(plan, stage)
        assert 1 / 2.1 < said / planned(stage.learner, state, dict(stage.example), plan.batch) < 1.2


def test_devices_that_share_the_state_hold_less_of_it(tmp_path):
    one, eight = (rehearse(text_config(tmp_path / "x", devices=devices, shard_state=True)) for devices in (1, 8))
    assert "8 x " in eight["introduction"][2]
    for name in STAGES:
        whole, share = one["stages"][name]["bytes"], eight["stages"][name]["bytes"]
        assert share["optimizer"] == whole["optimizer"] // 8
        assert share["activations"] < whole["activations"]


@pytest.mark.parametrize("transfer", ["lora", "ewc"])
def test_an_adaptation_is_rehearsed_and_its_source_left_alone(transfer, folder, tmp_path):
    before = sorted(folder.rglob("*"))
    found = rehearse(
        AdaptConfig(
            source=folder, data="digits:captioned", num_images=60, shots=10, transfer=transfer, out=tmp_path / "x"
        )
    )
    assert list(found["stages"]) == ["tokenizer", "prior", "reranker"]
    everything = count(load_model(folder).params()["prior"])
    trained = found["stages"]["prior"]["trained"]["prior"]
    assert trained == everything if transfer == "ewc" else trained < everything
    assert sorted(folder.rglob("*")) == before
    assert not list(tmp_path.iterdir())


def test_what_training_refuses_is_refused(folder):
    with pytest.raises(InputError, match="exists already"):
        rehearse(text_config(folder))


def test_the_command_prints_a_table_a_stage_or_json(tmp_path, capsys):
    arguments = ["train", "--model", "text2image", "--size", "16", "--num-images", "40", "--batch", "8"]
    arguments += ["--tokenizer.grid", "4", "--masked-steps", "0", "--out", str(tmp_path / "x"), "--dry-run"]
    assert cli.main(arguments) == 0
    shown = capsys.readouterr().out
    assert shown.count("GFLOP a step") == 3
    assert "tokenizer/codebook" in shown
    assert "prior/block_0/qkv/kernel" in shown
    assert "masked" not in shown
    assert "Nothing was compiled or written." in shown
    assert cli.main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [set(stage) for stage in found["stages"].values()] == [{"parameters", "trained", "bytes", "flops"}] * 3
    assert cli.main([*arguments[:-1], "--json"]) == 2
    assert "--json goes with --dry-run" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
