"""A stage on eight devices trains what it trains on one, and what it leaves is a model like any other."""

import dataclasses

import jax
import numpy as np
import pytest
from text_to_image_tiny import TINY, stops_when_fresh

from genjax.devices.dispatch import make_update
from genjax.devices.sharding import lay_out, place
from genjax.errors import InputError
from genjax.families.text_to_image.model import learners_of
from genjax.store.stage_files import load_stage
from genjax.training import text_to_image
from genjax.training.text_to_image import load_images, make_vocabulary, train_text_to_image
from genjax.tree import flatten

SMALL = dataclasses.replace(TINY, masked_steps=0, reranker_steps=0)


def trained(folder, **settings):
    """{stage: {name of a parameter: its numbers}} of a model of two stages."""
    config = dataclasses.replace(SMALL, out=folder, **settings)
    train_text_to_image(config, resume=folder.exists())
    return {stage: flatten(load_stage(folder, stage)) for stage in ("tokenizer", "prior")}


def assert_alike(ours, theirs):
    for stage, params in theirs.items():
        for name, leaf in params.items():
            np.testing.assert_allclose(ours[stage][name], leaf, atol=1e-5, rtol=1e-4, err_msg=f"{stage} {name}")


@pytest.fixture(scope="module")
def on_one(tmp_path_factory):
    """What a single device trains."""
    return trained(tmp_path_factory.mktemp("one") / "model")


def test_eight_devices_that_share_the_state_train_what_one_does(on_one, tmp_path):
    assert_alike(trained(tmp_path / "model", devices=8, shard_state=True), on_one)


def test_a_stage_that_eight_devices_began_ends_on_one(on_one, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(text_to_image, "run_stage", stops_when_fresh)
        config = dataclasses.replace(SMALL, out=tmp_path / "model", devices=8)
        assert train_text_to_image(config).stage == "tokenizer"
    assert_alike(trained(tmp_path / "model"), on_one)


def test_a_device_holds_its_share_of_the_transformer_alone():
    data = load_images(SMALL)
    learner = learners_of(SMALL, make_vocabulary(SMALL, data), 3, images_per_epoch=48)["prior"]
    layout = lay_out(8, shard_state=True)
    rng = np.random.default_rng(0)
    text = rng.integers(0, 4, (8, make_vocabulary(SMALL, data).length), dtype=np.int32)
    batch = {"text": text, "tokens": rng.integers(0, 8, (8, 16), dtype=np.int32)}
    first = jax.jit(lambda: learner.init(jax.random.key(0), batch))()
    state, _ = make_update(learner, layout, first)(place(layout, first), batch)
    for leaf in jax.tree.leaves((state.trainable, state.optimizer)):
        if leaf.size >= 1024:
            assert leaf.addressable_shards[0].data.size == leaf.size // 8


def test_a_batch_that_does_not_divide_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(
        InputError, match=r"--batch 8 does not divide among 3 devices. Use --batch 6 or 9 or --devices 2"
    ):
        train_text_to_image(dataclasses.replace(SMALL, out=tmp_path / "model", devices=3))
    assert not (tmp_path / "model").exists()
