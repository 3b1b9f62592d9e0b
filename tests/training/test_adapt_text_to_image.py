"""Adapting a text-to-image model: what moves, what stays, stops, and what is refused."""

import dataclasses
import json

import jax
import numpy as np
import pytest
from genjax.config.text_to_image import AdaptTextToImageConfig
from genjax.families.text_to_image.prior_recipes import PRIOR_RECIPES, prior_transfer
from genjax.store.stage_files import load_stage
from genjax.training.adapt_text_to_image import adapt_text_to_image, saved_adaptation
from text_to_image_tiny import retrained, stops_when_fresh, trained
from tiny import leaves_equal

from genjax.data.captioned import load_captioned
from genjax.errors import InputError
from genjax.families.text_to_image.model import load_text_to_image
from genjax.store.metrics import read_metrics
from genjax.training import text_to_image
from genjax.tree import flatten


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A model to start from."""
    return trained(tmp_path_factory.mktemp("source") / "model")


@pytest.fixture
def config(source, tmp_path):
    """An adaptation of it to ten captioned digits."""
    return AdaptTextToImageConfig(
        source=source, shots=10, prior_steps=30, learning_rate=1e-2, log_every=5, out=tmp_path / "adapted"
    )


def test_a_prior_is_adapted_by_low_rank_updates_and_the_rest_stays(source, config):
    assert adapt_text_to_image(config).signal is None
    before, after = load_text_to_image(source), load_text_to_image(config.out)
    leaves_equal(after.networks["tokenizer"], before.networks["tokenizer"])
    leaves_equal(after.networks["reranker"], before.networks["reranker"])
    assert "masked" not in after.networks
    losses = [line["loss/target_nats"] for line in read_metrics(config.out / "prior" / "metrics.jsonl")]
    assert losses[-1] < 0.95 * losses[0]
    kernels = [flatten(model.networks["prior"])["block_0/expand/kernel"] for model in (before, after)]
    assert 0 < np.linalg.matrix_rank(np.asarray(kernels[1] - kernels[0]), tol=1e-4) <= 4
    assert after.sample(["a white seven"], jax.random.key(0), candidates=2).images.shape == (1, 16, 16, 3)


def test_the_decoder_may_follow_and_tokens_keep_their_meaning(source, config):
    """Both priors, and the decoder: the tokens of an image are the same, what they look like is not."""
    config = dataclasses.replace(config, tokenizer_steps=20, prior_steps=2, masked_steps=2, transfer="full")
    assert adapt_text_to_image(config).signal is None
    before, after = load_text_to_image(source), load_text_to_image(config.out)
    flat = [flatten(model.networks["tokenizer"]) for model in (before, after)]
    moved = {name for name in flat[0] if not np.array_equal(flat[0][name], flat[1][name])}
    assert moved == {name for name in flat[0] if name.startswith("decoder/")}
    losses = [line["loss/squared_error"] for line in read_metrics(config.out / "tokenizer" / "metrics.jsonl")]
    assert losses[-1] < losses[0]
    made = after.sample(["a white seven"], jax.random.key(0), candidates=1, method="parallel")
    assert made.images.shape == (1, 16, 16, 3)


@pytest.mark.parametrize("name", PRIOR_RECIPES)
def test_every_transfer_begins_at_the_source(source, name):
    transfer = prior_transfer(AdaptTextToImageConfig(transfer=name))
    params = load_stage(source, "prior")
    trainable, context = transfer.init(params, jax.random.key(0))
    leaves_equal(transfer.params(trainable, context), params)


def test_a_stop_in_any_stage_changes_nothing(config, tmp_path, monkeypatch):
    config = dataclasses.replace(config, tokenizer_steps=2, prior_steps=3, masked_steps=2, save_every=1)
    adapt_text_to_image(config)
    again, stopped = dataclasses.replace(config, out=tmp_path / "again"), []
    monkeypatch.setattr(text_to_image, "run_stage", stops_when_fresh)
    while not stopped or stopped[-1]:
        asked = again if not stopped else saved_adaptation(again.out)
        stopped.append(adapt_text_to_image(asked, resume=bool(stopped)).stage)
    assert stopped == ["tokenizer", "prior", "masked", ""]
    for name in ("tokenizer", "prior", "masked"):
        leaves_equal(load_stage(config.out, name), load_stage(again.out, name))


def test_another_adaptation_is_not_gone_on_with(source, config, tmp_path):
    config = dataclasses.replace(config, prior_steps=1)
    adapt_text_to_image(config)
    with pytest.raises(InputError, match=r"these differ: prior_steps 1 -> 2"):
        adapt_text_to_image(dataclasses.replace(config, prior_steps=2), resume=True)
    with pytest.raises(InputError, match="begun with other images"):
        adapt_text_to_image(config, resume=True, dataset=other_digits())
    with pytest.raises(InputError, match="is no adaptation of a text-to-image model"):
        adapt_text_to_image(dataclasses.replace(config, source=tmp_path / "gone", out=source), resume=True)


def other_digits():
    """Fewer of them, so that the shots are others."""
    return load_captioned("digits", size=16, channels=3, num=50, seed=9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"transfer": "cdc"}, "--transfer cdc is of generators and VAEs"),
        ({"transfer": "lora,scale_shift"}, "lora and scale_shift each say what a kernel becomes"),
        ({"transfer": "lorra"}, "unknown transfer 'lorra'"),
        ({"transfer": "freeze", "freeze": ("nothing*",)}, "nothing"),
        ({"data": "glyphs:letters"}, "not in the vocabulary: 'letter'"),
        ({"shots": 5000}, "--shots 5000 is more than digits:captioned has"),
        ({"batch": 11}, "--batch 11"),
    ],
)
def test_what_cannot_be_adapted_to_is_refused_and_nothing_written(config, change, message):
    config = dataclasses.replace(config, **change)
    with pytest.raises(InputError, match=message):
        adapt_text_to_image(config)
    assert not config.out.exists()


def test_a_caption_that_the_source_cannot_read_is_refused(config):
    data = other_digits()
    strange = dataclasses.replace(data, captions=("a purple elephant", *data.captions[1:]))
    with pytest.raises(InputError, match="'elephant'"):
        adapt_text_to_image(dataclasses.replace(config, shots=None), dataset=strange)
    larger = dataclasses.replace(data, images=np.zeros((len(data), 32, 32, 3), np.uint8))
    with pytest.raises(InputError, match=r"has images \(32, 32, 3\), and those of .* are \(16, 16, 3\)"):
        adapt_text_to_image(config, dataset=larger)
    assert not config.out.exists()


def test_a_model_without_a_masked_prior_has_none_to_adapt(config, tmp_path):
    adapt_text_to_image(dataclasses.replace(config, prior_steps=1))
    further = dataclasses.replace(config, source=config.out, masked_steps=1, out=tmp_path / "further")
    with pytest.raises(InputError, match="has no masked prior"):
        adapt_text_to_image(further)


def test_an_adaptation_is_never_written_into_its_source(source, config, tmp_path):
    for out in (source, source / "inside", source.parent):
        with pytest.raises(InputError, match="lie one in the other"):
            adapt_text_to_image(dataclasses.replace(config, out=out), force=True)
    assert (source / "masked" / "model.json").exists()


def test_a_source_that_was_trained_again_is_refused_and_nothing_touched(config, tmp_path):
    config = dataclasses.replace(config, prior_steps=1)
    adapt_text_to_image(config)
    other = trained(tmp_path / "source")
    retrained(other, "prior")
    before = (config.out / "tokenizer" / "model.json").read_bytes()
    written = json.loads((config.out / "config.json").read_text())
    written["adaptation"]["source"] = str(other)
    (config.out / "config.json").write_text(json.dumps(written))
    with pytest.raises(InputError, match="begun with other source"):
        adapt_text_to_image(saved_adaptation(config.out), resume=True)
    assert (config.out / "tokenizer" / "model.json").read_bytes() == before
