"""Adapting a family of several stages: what moves, what stays, stops, and what is refused."""

import json
from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest
from text_to_image_tiny import kept, retrained, stage_parameters, stops_in, trained
from tiny import leaves_equal

from genjax.config import AdaptConfig, ControlConfig, TextToImageAdaptation
from genjax.data.captioned import load_captioned
from genjax.errors import InputError
from genjax.families.registry import build_transfers
from genjax.store.metrics import read_metrics
from genjax.store.model import load_model
from genjax.training import loop
from genjax.training.loop import adapt
from genjax.training.plan import plan_adaptation
from genjax.transfer.freeze import Freeze
from genjax.transfer.registry import TRANSFERS
from genjax.tree import content_hash, flatten

pytestmark = pytest.mark.slow  # they train and draw from a whole text-to-image model


@pytest.fixture(scope="module")
def source():
    """A model to start from, to be read only."""
    return kept()


def adaptation(source, out, *, transfer="lora", **changes):
    """An adaptation to ten captioned digits; options of the stages may come under their own names."""
    stages = {"prior_steps": 2, "learning_rate": 1e-2}
    stages |= {name: changes.pop(name) for name in vars(TextToImageAdaptation()) if name in changes}
    settings = {
        "data": "digits:captioned",
        "num_images": 60,
        "shots": 10,
        "batch": 8,
        "transfer": transfer,
        "log_every": 1,
        "sample_every": 100,
        "save_every": 2,
        "evaluate_every": 0,
        "control": ControlConfig(),
        "adaptation": TextToImageAdaptation(**stages),
    }
    return AdaptConfig(source=source, out=out, **(settings | changes))


@pytest.fixture(scope="module")
def adapted(source, tmp_path_factory):
    """A prior with low-rank updates, trained long enough to have learned something."""
    config = adaptation(source, tmp_path_factory.mktemp("adapted") / "run", prior_steps=30, log_every=5)
    assert adapt(config).signal is None
    return config.out


def test_a_prior_is_adapted_by_low_rank_updates_and_the_rest_stays(source, adapted):
    before, after = load_model(source).params(), load_model(adapted).params()
    leaves_equal(after["tokenizer"], before["tokenizer"])
    leaves_equal(after["reranker"], before["reranker"])
    assert "masked" not in after
    losses = [line["loss/target_nats"] for line in read_metrics(adapted / "prior" / "metrics.jsonl")]
    assert losses[-1] < 0.95 * losses[0]
    kernels = [flatten(params["prior"])["block_0/expand/kernel"] for params in (before, after)]
    assert 0 < np.linalg.matrix_rank(np.asarray(kernels[1] - kernels[0]), tol=1e-4) <= 4


def test_stages_that_are_not_trained_are_the_sources_at_step_0(adapted):
    steps = {}
    for path in adapted.glob("*/model/latest/model.json"):
        values = json.loads(path.read_text())
        steps[path.parts[-4]] = values["step"]
        assert values["source"]["identity"]
    assert steps == {"tokenizer": 0, "prior": 30, "reranker": 0}
    assert not (adapted / "tokenizer" / "checkpoints" / "0").exists()


def test_low_rank_updates_lie_on_their_source(source, adapted, tmp_path):
    entries = {path.parts[-4]: json.loads(path.read_text()) for path in adapted.glob("*/model/latest/model.json")}
    assert {name: values["networks"][name]["whole"] for name, values in entries.items()} == {
        "tokenizer": True,
        "prior": False,
        "reranker": True,
    }
    other = trained(tmp_path / "other")
    retrained(other, "reranker")
    with pytest.raises(InputError, match=r"was adapted from the model \w{12}, and .*other holds \w{12}"):
        load_model(adapted, source=other)
    moved = trained(tmp_path / "moved")
    leaves_equal(load_model(adapted, source=moved).params(), load_model(adapted).params())


def test_the_decoder_may_follow_and_tokens_keep_their_meaning(source, tmp_path):
    """Both priors, and the decoder: the tokens of an image are the same, what they look like is not."""
    config = adaptation(source, tmp_path / "run", tokenizer_steps=20, masked_steps=2, transfer="full", log_every=5)
    assert adapt(config).signal is None
    before, after = load_model(source).params(), load_model(config.out).params()
    flat = [flatten(params["tokenizer"]) for params in (before, after)]
    moved = {name for name in flat[0] if not np.array_equal(flat[0][name], flat[1][name])}
    assert moved == {name for name in flat[0] if name.startswith("decoder/")}
    losses = [line["loss/squared_error"] for line in read_metrics(config.out / "tokenizer" / "metrics.jsonl")]
    assert losses[-1] < losses[0]
    assert after.keys() == {"tokenizer", "prior", "masked", "reranker"}
    for prior in ("prior", "masked"):
        needs = json.loads((config.out / prior / "model" / "latest" / "model.json").read_text())["needs"]
        assert needs == {"tokenizer": content_hash(after["tokenizer"])}


PRIOR_TRANSFERS = [name for name, spec in TRANSFERS.items() if not spec.needs & {"latents", "rows"}]


@pytest.mark.parametrize("name", PRIOR_TRANSFERS)
def test_every_transfer_of_a_prior_begins_at_the_source(source, name):
    model = load_model(source)
    params = model.params()["prior"]
    ones = {"prior": jax.tree.map(np.ones_like, params), "masked": jax.tree.map(np.ones_like, params)}
    transfer = build_transfers(name, model.config, ones)["prior"]
    trainable, context = transfer.init(params, jax.random.key(0))
    leaves_equal(transfer.params(trainable, context), params)


def test_a_stop_in_any_stage_changes_nothing(source, tmp_path, monkeypatch):
    stages: dict[str, Any] = {"tokenizer_steps": 2, "prior_steps": 3, "masked_steps": 2}
    config = adaptation(source, tmp_path / "straight", **stages)
    adapt(config)
    again, stopped = replace(config, out=tmp_path / "again"), []
    monkeypatch.setattr(loop, "run_stage", stops_in(*[name.removesuffix("_steps") for name in stages]))
    while not stopped or stopped[-1]:
        stopped.append(adapt(again, resume=bool(stopped)).stage)
    assert stopped == ["tokenizer", "prior", "masked", ""]
    for stage in stopped[:-1]:
        left, right = (stage_parameters(run, stage) for run in (config.out, again.out))
        for name, leaf in left.items():
            np.testing.assert_array_equal(right[name], leaf, err_msg=f"{stage} {name}")


def test_elastic_weights_hold_a_prior(source, tmp_path):
    config = adaptation(source, tmp_path / "run", transfer="ewc")
    assert adapt(config).signal is None
    lines = read_metrics(config.out / "prior" / "metrics.jsonl")
    assert lines[0]["penalty/transfer"] == 0  # it begins at the source
    assert lines[-1]["penalty/transfer"] > 0


def test_another_adaptation_is_not_gone_on_with(adapted, source, tmp_path):
    config = adaptation(source, adapted, prior_steps=31)
    with pytest.raises(InputError, match=r"these differ: adaptation\.prior_steps 30 -> 31"):
        adapt(config, resume=True)
    config = adaptation(source, adapted, prior_steps=30)
    with pytest.raises(InputError, match=r"the images of .* have changed since"):
        adapt(config, resume=True, dataset=other_digits())
    with pytest.raises(InputError, match=r"was made by `genjax train`. Resume it with the same command"):
        adapt(replace(config, source=tmp_path / "gone", out=source), resume=True)


def other_digits():
    """Fewer of them, so that the shots are others."""
    return load_captioned("digits", size=16, channels=3, num=50, seed=9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"transfer": "cdc"}, "--transfer cdc needs "),
        ({"transfer": "miner"}, "--transfer miner needs latents"),
        ({"transfer": "lora,scale_shift"}, "lora and scale_shift each say what a kernel becomes"),
        ({"transfer": "lorra"}, "unknown transfer 'lorra'"),
        ({"transfer": Freeze(("prior/nothing*",))}, "nothing"),
        ({"data": "glyphs:letters"}, "not in the vocabulary: .*'letter'"),
        ({"shots": 5000, "num_images": 0}, "--shots 5000 is more than digits:captioned has"),
        ({"batch": 11}, "--batch 11"),
    ],
)
def test_what_cannot_be_adapted_to_is_refused_and_nothing_written(source, tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        adapt(adaptation(source, tmp_path / "run", **change))
    assert not (tmp_path / "run").exists()


def test_a_caption_that_the_source_cannot_read_is_refused(source, tmp_path):
    data = other_digits()
    strange = replace(data, captions=("a purple elephant", *data.captions[1:]))
    with pytest.raises(InputError, match="'elephant'"):
        adapt(adaptation(source, tmp_path / "run", shots=None), dataset=strange)
    larger = replace(data, images=np.zeros((len(data), 32, 32, 3), np.uint8))
    with pytest.raises(InputError, match=r"has images \(32, 32, 3\), and those of .* are \(16, 16, 3\)"):
        adapt(adaptation(source, tmp_path / "run"), dataset=larger)
    assert not (tmp_path / "run").exists()


def test_a_model_without_a_masked_prior_has_none_to_adapt(adapted, tmp_path):
    with pytest.raises(InputError, match="has no masked prior"):
        adapt(adaptation(adapted, tmp_path / "further", masked_steps=1))
    plan = plan_adaptation(adaptation(adapted, tmp_path / "further"))
    assert [stage.name for stage in plan.stages] == ["tokenizer", "prior", "reranker"]
    assert plan.origin is not None
    assert [one["transfer"] for one in plan.origin.ancestry] == ["none", "lora"]


def test_an_adaptation_is_never_written_into_its_source(source, tmp_path):
    for out in (source, source / "inside", source.parent):
        with pytest.raises(InputError, match="lie one in the other"):
            adapt(adaptation(source, out), force=True)
    assert (source / "masked" / "model" / "latest" / "model.json").exists()


def test_a_source_that_was_trained_again_is_refused_and_nothing_touched(source, adapted, tmp_path):
    other = trained(tmp_path / "source")
    retrained(other, "reranker")
    before = {path: path.read_bytes() for path in adapted.glob("*/model/latest/model.json")}
    with pytest.raises(InputError, match=r"was begun from the model \w{12}, and its source holds \w{12}"):
        adapt(adaptation(other, adapted, prior_steps=30, log_every=5), resume=True)
    assert {path: path.read_bytes() for path in adapted.glob("*/model/latest/model.json")} == before
