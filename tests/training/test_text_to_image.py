"""A text-to-image model from its captions to its samples: stages, stops, files, and what is refused."""

import dataclasses
import errno
import json
import shutil
import signal

import jax
import numpy as np
import pytest
from genjax.store.stage_files import load_stage
from genjax.training.text_to_image import load_images, train_text_to_image
from text_to_image_tiny import TINY, retrained, stops_when_fresh, trained
from tiny import leaves_equal

from genjax.errors import InputError, StorageError
from genjax.families.text_to_image.model import is_text_to_image, load_text_to_image
from genjax.families.text_to_image.network_options import DecodingConfig
from genjax.families.text_to_image.tokenizer_options import VqConfig
from genjax.store import checkpoint
from genjax.store.metrics import read_metrics
from genjax.training import text_to_image
from genjax.training.stage import run_stage

TEXTS = ["a bold red seven", "two small blue zeros, tilted left"]
STAGES = {"tokenizer": 4, "prior": 4, "masked": 3, "reranker": 3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model that was trained without a stop."""
    return trained(tmp_path_factory.mktemp("text") / "model")


@pytest.fixture(scope="module")
def model(folder):
    return load_text_to_image(folder)


def test_every_stage_is_trained_to_its_end(folder):
    for name, steps in STAGES.items():
        assert json.loads((folder / name / "model.json").read_text())["step"] == steps
        assert read_metrics(folder / name / "metrics.jsonl")[-1]["step"] == steps
    assert is_text_to_image(folder)
    assert not is_text_to_image(folder / "prior")


@pytest.mark.parametrize("method", ["autoregressive", "parallel"])
def test_texts_of_unlike_lengths_become_images(model, method):
    made = model.sample(TEXTS, jax.random.key(0), candidates=3, method=method)
    assert (made.images.shape, made.images.dtype) == ((2, 16, 16, 3), np.uint8)
    assert made.scores.shape == (2,)
    assert (np.abs(made.scores) <= 1 + 1e-5).all()


def test_the_image_of_a_text_does_not_depend_on_the_others(model):
    both = model.sample(TEXTS, jax.random.key(0), candidates=2)
    one = model.sample(TEXTS[:1], jax.random.key(0), candidates=2)
    np.testing.assert_array_equal(one.images[0], both.images[0])


def test_the_best_of_several_is_the_best(model):
    alone = [model.sample(TEXTS[:1], jax.random.key(0), candidates=n).scores[0] for n in (1, 2, 6)]
    # Each number of candidates is a program of its own, which rounds the same candidate's score in its own way.
    assert np.diff(alone).min() > -1e-6


def test_many_rows_go_through_one_program(model):
    few = model.sample(TEXTS[:1] * 2, jax.random.key(0), candidates=1)
    many = model.sample(TEXTS[:1] * 70, jax.random.key(0), candidates=1)
    assert many.images.shape == (70, 16, 16, 3)
    assert (np.abs(many.images[:2].astype(int) - few.images) <= 1).all()


def test_a_stop_in_any_stage_changes_nothing(folder, tmp_path, monkeypatch):
    """Stopped once in every stage, after its first step, it comes to the same parameters bit for bit."""
    config, stopped = dataclasses.replace(TINY, out=tmp_path / "model"), []
    monkeypatch.setattr(text_to_image, "run_stage", stops_when_fresh)
    while not stopped or stopped[-1]:
        stopped.append(train_text_to_image(config, resume=bool(stopped)).stage)
    assert stopped == [*STAGES, ""]
    for name in STAGES:
        leaves_equal(load_stage(folder, name), load_stage(config.out, name))


def test_a_signal_in_the_last_step_of_a_stage_is_heard_before_the_next(tmp_path, monkeypatch):
    config = dataclasses.replace(TINY, out=tmp_path / "model")

    def signalled(folder, stage, *arguments, **settings):
        def batch(step):
            if step == stage.steps - 1:
                signal.raise_signal(signal.SIGTERM)
            return stage.batch(step)

        return run_stage(folder, dataclasses.replace(stage, batch=batch), *arguments, **settings)

    monkeypatch.setattr(text_to_image, "run_stage", signalled)
    ended = train_text_to_image(config)
    assert (ended.signal, ended.stage) == (signal.SIGTERM, "prior")
    assert (config.out / "tokenizer" / "model.json").exists()
    assert not (config.out / "prior").exists()


def test_a_stage_that_learns_nothing_is_given_up_and_leaves_no_model(tmp_path, monkeypatch):
    def skipping(folder, stage, *arguments, **settings):
        def step(state, batch):
            state, metrics = stage.learner.step(state, batch)
            return state, metrics | {"skipped/tokenizer_in_a_row": 100.0}

        learner = stage.learner._replace(step=step)
        return run_stage(folder, dataclasses.replace(stage, learner=learner), *arguments, **settings)

    monkeypatch.setattr(text_to_image, "run_stage", skipping)
    ended = train_text_to_image(dataclasses.replace(TINY, out=tmp_path / "model"))
    assert (ended.signal, ended.stage) == (None, "tokenizer")
    assert "given up at step 2: the last 100 updates or more of the tokenizer were skipped" in ended.collapse
    assert not (tmp_path / "model" / "tokenizer" / "model.json").exists()


def test_a_stage_without_a_whole_checkpoint_can_begin_again_alone(folder, tmp_path):
    """What is said when its only checkpoint is damaged leads back to the same model, and the other stages stay."""
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    (other / "prior" / "model.json").unlink()
    for file in (other / "prior" / "checkpoints").rglob("_CHECKPOINT_METADATA"):
        file.write_bytes(b"{")
    config = dataclasses.replace(TINY, out=other)
    with pytest.raises(InputError, match="Delete that folder, and --resume begins there at step 0"):
        train_text_to_image(config, resume=True)
    shutil.rmtree(other / "prior" / "checkpoints")
    assert train_text_to_image(config, resume=True).signal is None
    leaves_equal(load_stage(other, "prior"), load_stage(folder, "prior"))


def test_parameters_of_another_network_are_refused(folder, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    values = json.loads((other / "config.json").read_text())
    values["config"]["reranker"]["embedding_size"] = 16
    (other / "config.json").write_text(json.dumps(values))
    with pytest.raises(InputError, match=r"reranker-.*safetensors does not fit the model: .*\(.*8\)"):
        load_text_to_image(other)


def test_a_link_out_of_the_model_is_not_written_through(folder, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    shutil.rmtree(other / "reranker")
    (other / "reranker").symlink_to(tmp_path)
    with pytest.raises(InputError, match="is a link, and a run writes into its own folder only"):
        train_text_to_image(dataclasses.replace(TINY, out=other), resume=True)


def test_a_full_disk_is_said_in_a_line(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(text_to_image, "keep_vocabulary", full)
    with pytest.raises(StorageError, match=r"the disk is full\. Make room, and go on with --resume"):
        train_text_to_image(dataclasses.replace(TINY, out=tmp_path / "model"))


def test_a_finished_stage_is_not_trained_again(folder, monkeypatch):
    monkeypatch.setattr(checkpoint, "open_checkpoints", None)
    assert train_text_to_image(dataclasses.replace(TINY, out=folder), resume=True).signal is None


def test_a_prior_of_another_tokenizer_is_refused(folder, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    retrained(other, "tokenizer")
    with pytest.raises(InputError, match=r"the prior of .* was trained with the tokenizer .*, and the tokenizer there"):
        load_text_to_image(other)


def test_a_vocabulary_of_other_words_is_refused(folder, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    values = json.loads((other / "vocabulary.json").read_text())
    values["words"] = values["words"][::-1]
    (other / "vocabulary.json").write_text(json.dumps(values))
    with pytest.raises(InputError, match="was trained with the vocabulary"):
        load_text_to_image(other)


def test_a_damaged_file_is_refused(folder, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    (path,) = (other / "reranker").glob("*.safetensors")
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(InputError, match="is damaged: its sha256"):
        load_text_to_image(other)


def test_a_model_that_is_not_finished_says_so(folder, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    shutil.rmtree(other / "masked")
    with pytest.raises(InputError, match=r"has no trained masked\. Go on with its training first: --resume"):
        load_text_to_image(other)


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        (["a bald red seven"], {}, r"'bald' \(near: bold.*\)"),
        ([""], {}, "the text is empty"),
        (["a red red red red red red red red red seven"], {}, "has 11 words, and the text length is 8"),
        (["a red seven"], {"decoding": DecodingConfig(top_k=9)}, "the 9 likeliest of 8 tokens"),
        (["a red seven"], {"candidates": 0}, "--candidates 0 were asked for"),
        (["a red seven"], {"method": "diffusion"}, "--method diffusion is not one of"),
        ("a red seven", {}, "a list of texts was expected"),
    ],
)
def test_what_cannot_be_drawn_is_refused(model, texts, options, message):
    with pytest.raises(InputError, match=message):
        model.sample(texts, jax.random.key(0), **options)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"text_length": 3}, "words, and the text length is 3"),
        ({"batch": 100}, "--batch 100 is larger than the set"),
        ({"tokenizer": dataclasses.replace(TINY.tokenizer, vq=VqConfig(likelihood="gausian"))}, "'gausian'"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_and_nothing_written(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        train_text_to_image(dataclasses.replace(TINY, out=tmp_path / "model", **changes))
    assert list(tmp_path.iterdir()) == []


def test_images_of_another_size_are_refused(tmp_path):
    data = load_images(dataclasses.replace(TINY, size=32))
    with pytest.raises(InputError, match=r"has images \(32, 32, 3\), and those of the model are \(16, 16, 3\)"):
        train_text_to_image(dataclasses.replace(TINY, out=tmp_path / "model"), dataset=data)
    with pytest.raises(InputError, match="a bracket in its name"):
        train_text_to_image(dataclasses.replace(TINY, out=tmp_path / "mo[del"))
    assert list(tmp_path.iterdir()) == []


def test_other_settings_are_not_gone_on_with(folder):
    wider = dataclasses.replace(TINY.prior, width=32)
    with pytest.raises(InputError, match=r"these differ: prior\.width 16 -> 32"):
        train_text_to_image(dataclasses.replace(TINY, out=folder, prior=wider), resume=True)
    with pytest.raises(InputError, match="exists already"):
        train_text_to_image(dataclasses.replace(TINY, out=folder))


def test_glyphs_are_the_captioned_ones_and_a_set_of_ones_own_will_do(tmp_path):
    assert load_images(TINY).name == "glyphs:captioned"
    data = load_images(TINY).take(np.arange(8))
    config = dataclasses.replace(
        TINY, out=tmp_path / "own", text="byte_pair", text_size=300, prior_steps=1, masked_steps=0, reranker_steps=0
    )
    train_text_to_image(config, dataset=data)
    model = load_text_to_image(config.out)
    assert model.vocabulary.kind == "byte_pair"
    made = model.sample(["anything at all"], jax.random.key(0), candidates=1)
    assert np.isnan(made.scores).all()
    with pytest.raises(InputError, match="no reranker"):
        model.sample(["a red seven"], jax.random.key(0))
    with pytest.raises(InputError, match="no masked prior"):
        model.sample(["a red seven"], jax.random.key(0), candidates=1, method="parallel")
