"""A family of several stages from its captions to its files: what each leaves, stops, and what is refused."""

import errno
import json
import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file
from text_to_image_tiny import STAGES, TINY, kept, retrained, stage_parameters, stops_in, text_config, trained

from genjax.config import ControlConfig
from genjax.data.captioned import load_captioned
from genjax.errors import InputError, StorageError
from genjax.families.text_to_image.model import text_to_image
from genjax.families.text_to_image.tokenizers.options import VqConfig
from genjax.store import checkpoint
from genjax.store.metrics import read_metrics
from genjax.store.model import load_model
from genjax.store.run_folder import RunFolder
from genjax.training import loop, stage
from genjax.training.loop import train
from genjax.training.plan import plan_training
from genjax.training.seeds import run_seeds, steadiness
from genjax.training.stage import run_stage

pytestmark = pytest.mark.slow  # they train and draw from a whole text-to-image model

KD = "evaluate/KD[embedded-v1]"


@pytest.fixture(scope="module")
def folder():
    """A model that was trained without a stop, to be read only."""
    return kept()


@pytest.fixture
def copy(tmp_path):
    """A copy of it that may be changed."""
    return trained(tmp_path / "copy")


def assert_same_networks(left, right, stages=tuple(STAGES)):
    for name in stages:
        ours, theirs = stage_parameters(left, name), stage_parameters(right, name)
        assert ours.keys() == theirs.keys()
        for part, leaf in theirs.items():
            np.testing.assert_array_equal(ours[part], leaf, err_msg=f"{name} {part}")


def test_every_stage_leaves_what_a_run_of_one_leaves(folder):
    for name, steps in STAGES.items():
        own = RunFolder(folder / name)
        values = json.loads((own.model() / "model.json").read_text())
        assert (values["step"], list(values["networks"])) == (steps, [name])
        assert read_metrics(own.metrics)[-1]["step"] == steps
        assert {path.name for path in own.checkpoints.iterdir()} == {"2", str(steps)}
        pictures = [] if name == "reranker" else ["000002.png", f"{steps:06d}.png"]
        assert sorted(path.name for path in own.samples.iterdir()) == pictures
        assert not own.model("best").exists()  # nothing was evaluated
    assert not RunFolder(folder).metrics.exists()
    assert not (folder / "vocabulary.json").exists()
    assert not list(folder.rglob("*.part"))
    assert load_model(folder).config.condition.vocabulary is not None


@pytest.mark.parametrize("stopped_in", [("tokenizer", "prior")])
def test_a_stop_in_a_stage_changes_nothing(stopped_in, folder, tmp_path, monkeypatch):
    """Stopped once in each of these, after its first step, it comes to the same parameters bit for bit."""
    config, stopped = text_config(tmp_path / "model"), []
    monkeypatch.setattr(loop, "run_stage", stops_in(*stopped_in))
    while not stopped or stopped[-1]:
        ended = train(config, resume=bool(stopped))
        assert ended.signal == (signal.SIGTERM if ended.stage else None)
        stopped.append(ended.stage)
    assert stopped == [*stopped_in, ""]
    assert_same_networks(config.out, folder)
    for name in STAGES:
        written = [line["step"] for line in read_metrics(config.out / name / "metrics.jsonl")]
        assert written == sorted(set(written))
        assert written[-1] == STAGES[name]


def test_a_signal_in_the_last_step_of_a_stage_is_heard_before_the_next(tmp_path, monkeypatch):
    real = stage.batch_indices

    def signalled(number, batch, seed, step):
        if step == 1:
            signal.raise_signal(signal.SIGTERM)
        return real(number, batch, seed, step)

    monkeypatch.setattr(stage, "batch_indices", signalled)
    config = text_config(tmp_path / "model", tokenizer_steps=2)
    ended = train(config)
    assert (ended.signal, ended.stage) == (signal.SIGTERM, "prior")
    assert (config.out / "tokenizer" / "model" / "latest" / "model.json").exists()
    assert not RunFolder(config.out / "prior").model().exists()


class Killed(BaseException):
    """Ends a process at once."""


def test_a_run_killed_between_two_stages_goes_on_with_the_next(folder, tmp_path, monkeypatch):
    def killed(plan, stage, like, finished, interruption, **settings):
        if stage.name == "masked":
            raise Killed
        return run_stage(plan, stage, like, finished, interruption, **settings)

    config = text_config(tmp_path / "model")
    with monkeypatch.context() as patch:
        patch.setattr(loop, "run_stage", killed)
        with pytest.raises(Killed):
            train(config)
    assert not (config.out / "masked").exists()
    with pytest.raises(InputError, match=r"has no trained masked\. Go on with its training first: --resume"):
        load_model(config.out)
    assert train(config, resume=True).signal is None
    assert_same_networks(config.out, folder)


def test_a_stage_begun_with_another_tokenizer_is_refused(tmp_path, monkeypatch):
    """The tokens that its prior has learned would mean something else."""
    config = text_config(tmp_path / "model", masked_steps=0, reranker_steps=0)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "run_stage", stops_in("prior"))
        assert train(config).stage == "prior"

    def other(plan, stage, like, finished, interruption, **settings):
        ended = run_stage(plan, stage, like, finished, interruption, **settings)
        if stage.name != "tokenizer":
            return ended
        changed = {"tokenizer": {**ended.params["tokenizer"], "codebook": ended.params["tokenizer"]["codebook"] + 1}}
        return ended._replace(params=changed)

    monkeypatch.setattr(loop, "run_stage", other)
    with pytest.raises(InputError, match=r"was begun with the tokenizer .*, and that there is .*Bring back its own"):
        train(config, resume=True)


def test_a_prior_of_another_tokenizer_is_refused(copy):
    retrained(copy, "tokenizer")
    with pytest.raises(InputError, match=r"the prior of .* was trained with the tokenizer .*, and the tokenizer there"):
        load_model(copy)


def test_a_stage_that_learns_nothing_is_given_up(tmp_path, monkeypatch):
    def skipping(plan, stage, like, finished, interruption, **settings):
        def step(state, batch):
            state, metrics = stage.learner.step(state, batch)
            return state, metrics | {f"skipped/{stage.name}_in_a_row": 100.0}

        learner = stage.learner._replace(step=step)
        return run_stage(plan, stage._replace(learner=learner), like, finished, interruption, **settings)

    monkeypatch.setattr(loop, "run_stage", skipping)
    ended = train(text_config(tmp_path / "model"))
    assert (ended.signal, ended.stage) == (None, "tokenizer")
    assert "given up at step 2: the last 100 updates or more of the tokenizer were skipped" in ended.collapse
    assert not RunFolder(tmp_path / "model" / "tokenizer").model().exists()
    assert not (tmp_path / "model" / "prior").exists()


def test_a_stage_without_a_whole_checkpoint_can_begin_again_alone(copy, folder):
    """What is said when its only checkpoint is damaged leads back to the same model, and the other stages stay."""
    for file in (copy / "prior" / "checkpoints").rglob("_CHECKPOINT_METADATA"):
        file.write_bytes(b"{")
    with pytest.raises(InputError, match="Delete that folder, and --resume begins there at step 0"):
        train(text_config(copy), resume=True)
    shutil.rmtree(copy / "prior" / "checkpoints")
    assert train(text_config(copy), resume=True).signal is None
    assert_same_networks(copy, folder)


def test_parameters_of_another_network_are_refused(copy):
    for path in copy.glob("*/model/latest/model.json"):
        values = json.loads(path.read_text())
        values["model"]["options"]["reranker"]["embedding_size"] = 16
        path.write_text(json.dumps(values))
    with pytest.raises(InputError, match=r"the reranker of .* does not fit the model: .*has shape .*8"):
        load_model(copy)


def test_stages_of_two_models_are_refused(copy):
    path = copy / "masked" / "model" / "latest" / "model.json"
    values = json.loads(path.read_text())
    values["model"]["condition"]["vocabulary"]["words"].reverse()
    path.write_text(json.dumps(values))
    with pytest.raises(InputError, match=r"are not of one model. Bring back its own, or train it again"):
        load_model(copy)


def test_a_link_out_of_the_model_is_not_written_through(copy, tmp_path):
    shutil.rmtree(copy / "reranker")
    (copy / "reranker").symlink_to(tmp_path)
    with pytest.raises(InputError, match="is a link, and a run writes into its own folder only"):
        train(text_config(copy), resume=True)


def test_a_damaged_file_or_a_missing_stage_is_refused(copy):
    (path,) = (copy / "reranker" / "model" / "latest").glob("*.safetensors")
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(InputError, match="is damaged: its sha256"):
        load_model(copy)
    shutil.rmtree(copy / "masked")
    with pytest.raises(InputError, match=r"has no trained masked\. Go on with its training first: --resume"):
        load_model(copy)


def test_a_full_disk_is_said_with_the_checkpoint_of_its_stage(tmp_path, monkeypatch):
    """What is whole is the tokenizer's last one at first, and the prior's own once it has one."""
    real, config = checkpoint.save, text_config(tmp_path / "model")
    for saves, said in ((2, "the checkpoint of step 4 of tokenizer"), (1, "the checkpoint of step 2 of prior")):
        calls = iter(range(100))

        def full(*arguments, most=saves, calls=calls, **settings):
            if next(calls) == most:
                raise OSError(errno.ENOSPC, "no space left")
            return real(*arguments, **settings)

        with monkeypatch.context() as patch:
            patch.setattr(checkpoint, "save", full)
            with pytest.raises(
                StorageError, match=rf"the disk is full\. Make room, and go on with --resume: {said} is whole"
            ):
                train(config, resume=config.out.exists())


def test_a_finished_stage_is_not_trained_again(copy, folder, monkeypatch):
    monkeypatch.setattr(stage._Loop, "run", None)
    before = {path: path.stat().st_mtime_ns for path in copy.glob("*/model/latest/*")}
    assert train(text_config(copy), resume=True).signal is None
    assert {path: path.stat().st_mtime_ns for path in copy.glob("*/model/latest/*")} == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"text_length": 3}, "words, and the text length is 3"),
        ({"batch": 100}, "--batch 100 is larger than the set"),
        ({"tokenizer": replace(TINY.tokenizer, vq=VqConfig(likelihood="gausian"))}, "'gausian'"),
        ({"devices": 3}, r"--batch 8 does not divide among 3 devices. Use --batch 6 or 9 or --devices 2"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_and_nothing_written(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        train(text_config(tmp_path / "model", **changes))
    assert list(tmp_path.iterdir()) == []


def test_images_of_another_size_are_refused(tmp_path):
    data = load_captioned("glyphs", size=32, channels=3, num=16, seed=0)
    with pytest.raises(InputError, match=r"has images \(32, 32, 3\), and those of the model are \(16, 16, 3\)"):
        train(text_config(tmp_path / "model"), dataset=data)
    with pytest.raises(InputError, match="a bracket in its name"):
        train(text_config(tmp_path / "mo[del"))
    assert list(tmp_path.iterdir()) == []


def test_other_settings_are_not_gone_on_with(folder):
    wider = replace(TINY.prior, width=32)
    with pytest.raises(InputError, match=r"these differ: text2image\.prior\.width 16 -> 32"):
        train(text_config(folder, prior=wider), resume=True)
    with pytest.raises(InputError, match="exists already"):
        train(text_config(folder))


def test_glyphs_are_the_captioned_ones_and_a_set_of_ones_own_will_do(tmp_path):
    assert plan_training(text_config(tmp_path / "x")).images.name == "glyphs:captioned"
    data = load_captioned("glyphs", size=16, channels=3, num=8, seed=0)
    config = text_config(
        tmp_path / "own", text="byte_pair", text_size=300, prior_steps=1, masked_steps=0, reranker_steps=0
    )
    train(config, dataset=data)
    model = text_to_image(load_model(config.out))
    assert model.vocabulary.kind == "byte_pair"
    assert [path.name for path in sorted(config.out.iterdir()) if path.is_dir()] == ["prior", "samples", "tokenizer"]


def test_evaluations_along_training_choose_a_best_model_of_each_stage_that_makes_images(tmp_path):
    config = text_config(tmp_path / "model", evaluate_every=2, evaluate_num=16, reranker_steps=1, masked_steps=0)
    train(config)
    for name in ("tokenizer", "prior"):
        own = RunFolder(config.out / name)
        judged = {line["step"]: line[KD] for line in read_metrics(own.metrics) if KD in line}
        assert list(judged) == [2, 4]
        best = json.loads((own.model("best") / "model.json").read_text())
        assert best["step"] == min(judged, key=judged.__getitem__)
    assert not RunFolder(config.out / "reranker").model("best").exists()
    assert not any(KD in line for line in read_metrics(config.out / "reranker" / "metrics.jsonl"))
    best = load_model(config.out, which="best")
    (file,) = (config.out / "prior" / "model" / "best").glob("*.safetensors")
    found = load_file(file)
    assert best.networks.keys() == {"tokenizer", "prior", "reranker"}
    assert found["block_0/expand/kernel"].shape == best.params()["prior"]["block_0"]["expand"]["kernel"].shape


def guarded(tmp_path, **control):
    """A run of tokenizer and prior under a controller."""
    return text_config(
        tmp_path / "model", masked_steps=0, reranker_steps=0, log_every=1, control=ControlConfig(**control)
    )


def test_guards_watch_every_stage(tmp_path):
    train(guarded(tmp_path, gradient_deviations=3.0, collapse_rollbacks=1))
    for name in ("tokenizer", "prior"):
        lines = read_metrics(tmp_path / "model" / name / "metrics.jsonl")
        assert all(line[f"control/{name}_gradient_limit"] > 0 for line in lines)
        assert [line["control/collapsed"] for line in lines] == [0] * len(lines)


def test_a_prior_that_collapses_goes_back_and_then_is_given_up(tmp_path):
    wild = replace(TINY.prior, learning_rate=1e30, warm_up_steps=0)
    config = replace(guarded(tmp_path, collapse_rollbacks=1), model=replace(TINY, prior=wild, prior_steps=200))
    ended = train(config)
    assert ended.stage == "prior"
    assert ended.collapse.startswith("collapsed at step ")
    assert "control/rollbacks 1" in ended.collapse
    steps = [line["step"] for line in read_metrics(tmp_path / "model" / "prior" / "metrics.jsonl")]
    assert steps == sorted(set(steps))


def test_what_is_on_by_default_for_another_family_is_not_applied(folder):
    """GECO would weigh the reconstruction of a discrete VAE, which has a weight of its own."""
    assert ControlConfig().geco_tolerance > 0
    for name in STAGES:
        lines = read_metrics(folder / name / "metrics.jsonl")
        assert {line.get("control/reconstruction_weight", 1.0) for line in lines} == {1.0}  # as its config has it
    for one in plan_training(text_config(folder.parent / "other")).stages:
        assert "reconstruction_weight" not in one.learner.controller.sets


def test_a_controller_that_fits_no_stage_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"--control\.ada-target is for a GAN, and this is a text-to-image model"):
        train(text_config(tmp_path / "model", control=ControlConfig(ada_target=0.5)))


def test_a_batch_in_two_parts_trains_the_same(tmp_path):
    """To rounding: each part of the batch is computed alone, and nothing that is drawn differs here."""
    quiet = {
        "tokenizer": replace(TINY.tokenizer, vq=VqConfig(restart_below=0.0)),
        "prior": replace(TINY.prior, null_probability=0.0),
        "masked_steps": 0,
        "reranker_steps": 0,
    }
    for parts in (1, 2):
        train(text_config(tmp_path / str(parts), accumulate=parts, **quiet))
    for name in ("tokenizer", "prior"):
        one, two = (stage_parameters(tmp_path / str(parts), name) for parts in (1, 2))
        for part, leaf in one.items():
            np.testing.assert_allclose(two[part], leaf, atol=2e-4, err_msg=f"{name} {part}")


def test_several_seeds_and_how_steady_they_were(tmp_path):
    config = text_config(
        tmp_path, tokenizer_steps=2, masked_steps=0, reranker_steps=0, evaluate_every=2, evaluate_num=8
    )
    outcomes = run_seeds(train, config, 2)
    assert [outcome.folder.path.name for outcome in outcomes] == ["seed-0", "seed-1"]
    found = steadiness([tmp_path])
    assert found.metric == KD
    assert len(found.runs) == 2
    values = [line[KD] for line in read_metrics(tmp_path / "seed-0" / "prior" / "metrics.jsonl") if KD in line]
    assert found.runs[str(tmp_path / "seed-0")].best == min(values)  # of the last stage that was evaluated
