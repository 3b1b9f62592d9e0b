"""A family of several stages on eight devices trains what it trains on one, and goes on with fewer."""

import jax
import numpy as np
import pytest
from text_to_image_tiny import stage_parameters, stops_in, text_config

from genjax.devices.dispatch import make_programs
from genjax.devices.sharding import place
from genjax.training import loop
from genjax.training.loop import train
from genjax.training.plan import plan_training
from genjax.training.stage import fresh_state

pytestmark = pytest.mark.slow  # a whole text-to-image model on eight devices

SMALL = {"masked_steps": 0, "reranker_steps": 0}


def trained(folder, **settings):
    """{stage: {name of a parameter: its numbers}} of a model of two stages."""
    train(text_config(folder, **SMALL, **settings), resume=folder.exists())
    return {stage: stage_parameters(folder, stage) for stage in ("tokenizer", "prior")}


def assert_alike(ours, theirs):
    for stage, params in theirs.items():
        for name, leaf in params.items():
            np.testing.assert_allclose(ours[stage][name], leaf, atol=1e-5, rtol=1e-4, err_msg=f"{stage} {name}")


@pytest.fixture(scope="module")
def on_one(tmp_path_factory):
    """The parameters that a single device trains."""
    return trained(tmp_path_factory.mktemp("one") / "model")


def test_eight_devices_that_share_the_state_train_what_one_does(on_one, tmp_path):
    assert_alike(trained(tmp_path / "model", devices=8, shard_state=True), on_one)


def test_a_stage_that_eight_devices_began_ends_on_one(on_one, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(loop, "run_stage", stops_in("tokenizer"))
        assert train(text_config(tmp_path / "model", **SMALL, devices=8)).stage == "tokenizer"
    assert_alike(trained(tmp_path / "model"), on_one)


def test_a_device_holds_its_share_of_the_transformer_alone(tmp_path):
    plan = plan_training(text_config(tmp_path / "model", **SMALL, devices=8, shard_state=True))
    (prior,) = [stage for stage in plan.stages if stage.name == "prior"]
    rng = np.random.default_rng(0)
    text = rng.integers(0, 4, (8, prior.example["text"].shape[1]), dtype=np.int32)
    batch = {"text": text, "tokens": rng.integers(0, 8, (8, 16), dtype=np.int32)}
    first = fresh_state(plan, prior)
    state, _ = make_programs(prior.learner, plan.layout, first).single(place(plan.layout, first), None, batch)
    for leaf in jax.tree.leaves((state.trainable, state.optimizer)):
        if leaf.size >= 1024:
            assert leaf.addressable_shards[0].data.size == leaf.size // 8
