"""A rehearsal of a text-to-image model says what each stage would train, and leaves nothing behind."""

import dataclasses
import json

import jax
import pytest
from genjax.training.dry_run_text_to_image import FED, rehearse_text_to_image
from genjax.training.text_to_image import plan_text_to_image, stages
from text_to_image_tiny import TINY, trained

from genjax.cli import main as cli
from genjax.devices.memory import planned
from genjax.errors import InputError
from genjax.families.text_to_image.model import load_text_to_image
from genjax.store.checkpoint import open_checkpoints, restore
from genjax.tree import count

STAGES = ["tokenizer", "prior", "masked", "reranker"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model that was trained."""
    return trained(tmp_path_factory.mktemp("text") / "model")


@pytest.fixture(scope="module")
def made(folder):
    """Its stages, as training made them."""
    plan = plan_text_to_image(dataclasses.replace(TINY, out=folder.parent / "other"))
    config = dataclasses.replace(TINY, out=folder)
    return list(stages(config, plan.learners, plan.data, plan.vocabulary))


def test_what_is_announced_is_what_is_trained(folder, tmp_path):
    found = rehearse_text_to_image(dataclasses.replace(TINY, out=tmp_path / "rehearsed"))["stages"]
    assert list(found) == STAGES
    for name, network in load_text_to_image(folder).networks.items():
        assert found[name]["trained"] == {name: count(network)}
        assert found[name]["bytes"]["trainable"] == 4 * count(network)
        assert found[name]["flops"]["step"] == 8 * found[name]["flops"]["image"] > 0
    assert not list(tmp_path.iterdir())


def test_the_state_is_the_one_that_is_saved(folder, made, tmp_path):
    """Bytes of parameters, averages and optimisers against those of the checkpoint that training left."""
    found = rehearse_text_to_image(dataclasses.replace(TINY, out=tmp_path / "rehearsed"))["stages"]
    for stage in made:
        example = {**stage.batch(0)}
        like = jax.eval_shape(lambda stage=stage, example=example: stage.learner.init(jax.random.key(0), example))
        with open_checkpoints(folder / stage.name / "checkpoints") as checkpoints:
            restored = restore(checkpoints, like)
        assert restored is not None
        state, _ = restored
        for part in ("trainable", "average", "optimizer"):
            saved = sum(leaf.nbytes for leaf in jax.tree.leaves(getattr(state, part)))
            assert found[stage.name]["bytes"][part] == saved


def test_each_stage_is_fed_what_training_feeds_it(made):
    assert {stage.name: set(stage.batch(0)) for stage in made} == {name: set(parts) for name, parts in FED.items()}


def test_the_plans_of_the_compiled_steps_are_near(made, tmp_path):
    """Within what the message says."""
    found = rehearse_text_to_image(dataclasses.replace(TINY, out=tmp_path / "rehearsed"))["stages"]
    for stage in made:
        example = {**stage.batch(0)}
        state = jax.eval_shape(lambda stage=stage, example=example: stage.learner.init(jax.random.key(0), example))
        said = sum(found[stage.name]["bytes"].values())
        assert 1 / 2.1 < said / planned(stage.learner, state, example, TINY.batch) < 1.2


def test_devices_that_share_the_state_hold_less_of_it(tmp_path):
    one, eight = (
        rehearse_text_to_image(dataclasses.replace(TINY, out=tmp_path / "x", devices=devices, shard_state=True))
        for devices in (1, 8)
    )
    assert "8 x " in eight["introduction"][2]
    for name in STAGES:
        whole, share = one["stages"][name]["bytes"], eight["stages"][name]["bytes"]
        assert share["optimizer"] == whole["optimizer"] // 8
        assert share["activations"] < whole["activations"]


def test_what_training_refuses_is_refused(folder):
    with pytest.raises(InputError, match="exists already"):
        rehearse_text_to_image(dataclasses.replace(TINY, out=folder))


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
