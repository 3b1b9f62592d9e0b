"""Runs: what they leave, that stopping changes nothing, and what is refused before anything is computed."""

import os
import shutil
import signal
from dataclasses import replace

import jax
import pytest
from PIL import Image
from tiny import TINY_GAN, adapt_config, leaves_equal, train_config
from toy_runs import toy_config, toy_entered

from genjax.config import TrainConfig
from genjax.errors import InputError
from genjax.store.metrics import Metrics, read_metrics
from genjax.store.model import load_model
from genjax.store.run_config import saved_config
from genjax.store.run_folder import RunFolder
from genjax.training import loop
from genjax.training import stage as stage_module
from genjax.training.interruption import interruptible
from genjax.training.loop import adapt, train

FAMILIES = ("gan", "vae")


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A finished pretraining of each family, with an evaluation along the way."""
    folder = tmp_path_factory.mktemp("sources")
    return {
        family: train(train_config(family, folder / family, evaluate_every=4, evaluate_num=40)) for family in FAMILIES
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_run_leaves(family, sources):
    folder = sources[family].folder
    lines = read_metrics(folder.metrics)
    assert [line["step"] for line in lines if "loss/critic" in line or "loss/kl" in line] == [2, 4]
    assert [line["evaluate/KD[embedded-v1]"] for line in lines if "evaluate/KD[embedded-v1]" in line]
    assert sorted(path.name for path in folder.samples.iterdir()) == ["000004.png"]
    assert any(path.name.startswith("events.out.tfevents") for path in folder.path.iterdir())
    assert {path.name for path in folder.model().iterdir()} >= {"model.json"}
    assert load_model(folder.path, which="best").identity == load_model(folder.path).identity
    assert not list(folder.path.rglob("*.part"))


@pytest.mark.parametrize("family", FAMILIES)
def test_twenty_steps_are_ten_and_ten(family, tmp_path):
    rarely = {"sample_every": 10, "save_every": 10}
    straight = train(train_config(family, tmp_path / "straight", steps=20, **rarely))
    train(train_config(family, tmp_path / "stopped", steps=10, **rarely))
    resumed = train(train_config(family, tmp_path / "stopped", steps=20, **rarely), resume=True)
    leaves_equal(straight.state, resumed.state)
    left, right = (read_metrics(tmp_path / name / "metrics.jsonl") for name in ("straight", "stopped"))
    assert left == right


def test_what_a_set_leaves_out_is_listed_in_the_folder_of_the_run(tmp_path, capsys):
    for name in ("cats", "dogs"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(10):
            Image.new("L", (16, 16), 10 * index).save(tmp_path / "photos" / name / f"{index}.png")
    hidden = tmp_path / "photos" / "cats" / ".hidden.png"
    shutil.copy(hidden.with_name("0.png"), hidden)

    def said(steps, **how):
        with toy_entered():
            config = toy_config(tmp_path / "run", data=f"folder:{tmp_path}/photos", num_images=0, steps=steps)
            folder = train(config, **how).folder
        return folder.left_out, [line for line in capsys.readouterr().err.splitlines() if "left out" in line]

    listed, lines = said(2)
    assert listed.read_text() == "hidden\tcats/.hidden.png\n"
    line = f"warning: folder:{tmp_path}/photos: 20 images, 2 classes; left out 1 (hidden 1)"
    assert lines == [f"{line}: see {tmp_path}/run/left_out.txt"]
    shutil.copy(hidden, hidden.with_name(".another.png"))
    assert said(3, resume=True)[0].read_text() == "hidden\tcats/.another.png\nhidden\tcats/.hidden.png\n"
    for path in hidden.parent.glob(".*.png"):
        path.unlink()
    listed, lines = said(4, resume=True)
    assert (listed.exists(), lines) == (False, [])


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_an_adaptation_resumes_bit_for_bit(family, sources, tmp_path):
    config = adapt_config(sources[family].folder.path, tmp_path / "straight", transfer="lora", steps=6)
    straight = adapt(config)
    stopped = replace(config, out=tmp_path / "stopped")
    adapt(replace(stopped, steps=3))
    resumed = adapt(stopped, resume=True)
    leaves_equal(straight.state, resumed.state)


def test_a_finished_run_resumed_does_nothing(sources):
    outcome = sources["vae"]
    again = train(train_config("vae", outcome.folder.path, evaluate_every=4, evaluate_num=40), resume=True)
    leaves_equal(outcome.state, again.state)


@pytest.fixture(scope="module")
def eight_steps(tmp_path_factory):
    """A run that nothing stopped."""
    return train(train_config("vae", tmp_path_factory.mktemp("straight") / "run", steps=8))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_the_run_goes_on_to_the_same_end(number, eight_steps, tmp_path, monkeypatch):
    real_indices = stage_module.batch_indices

    def interrupting(n, batch, seed, step):
        if step == 2:
            os.kill(os.getpid(), number)
        return real_indices(n, batch, seed, step)

    monkeypatch.setattr(stage_module, "batch_indices", interrupting)
    config = train_config("vae", tmp_path / "stopped", steps=8)
    stopped = train(config)
    assert stopped.signal == number
    assert int(stopped.state.step) == 3
    monkeypatch.undo()
    resumed = train(config, resume=True)
    assert resumed.signal is None
    leaves_equal(eight_steps.state, resumed.state)
    steps = [line["step"] for line in read_metrics(resumed.folder.metrics)]
    assert steps == sorted(set(steps))


def test_a_signal_late_in_a_step_loses_nothing(tmp_path, monkeypatch):
    """It used to end the loop between the decision to save and the saving."""
    real_write = Metrics.write

    def interrupting(metrics, step, values):
        real_write(metrics, step, values)
        if step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Metrics, "write", interrupting)
    stopped = train(train_config("vae", tmp_path / "stopped", steps=8))
    assert stopped.signal == signal.SIGINT
    monkeypatch.undo()
    resumed = train(train_config("vae", tmp_path / "stopped", steps=8), resume=True)
    assert int(resumed.state.step) == 8


def test_a_run_killed_before_its_first_checkpoint_begins_again(tmp_path, monkeypatch, capsys):
    class Killed(BaseException):
        pass

    def kill(*arguments, **keywords):
        raise Killed

    straight = train(train_config("vae", tmp_path / "straight"))
    config = train_config("vae", tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(stage_module.checkpoint, "save", kill)
        with pytest.raises(Killed):
            train(config)
    leaves_equal(train(config, resume=True).state, straight.state)
    assert "no checkpoint had been finished yet: it begins at step 0 again" in capsys.readouterr().err
    for name in ("metrics.jsonl", "config.json"):
        left, right = ((tmp_path / run / name).read_text() for run in ("straight", "run"))
        assert left.replace("straight", "run") == right


def test_signal_handlers_are_put_back():
    before = signal.getsignal(signal.SIGTERM)
    with interruptible() as noted:
        os.kill(os.getpid(), signal.SIGTERM)
        assert noted.signal == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.fixture
def nothing_is_compiled(monkeypatch):
    """Fails the test when anything reaches training."""

    def forbidden(*arguments, **keywords):
        raise AssertionError("reached the training of what should have been refused")

    monkeypatch.setattr(loop, "fit", forbidden)
    monkeypatch.setattr(jax, "jit", forbidden)


@pytest.mark.usefixtures("nothing_is_compiled")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": "digitz"}, "unknown dataset 'digitz'. Did you mean 'digits'?"),
        ({"batch": 4000}, r"--batch 4000 is larger than the set \(40 images\)"),
        ({"num_images": 10_000}, "10000"),
    ],
)
def test_what_cannot_be_trained_is_refused_first(changes, message, tmp_path):
    with pytest.raises(InputError, match=message):
        train(train_config("gan", tmp_path / "run", **changes))
    assert not (tmp_path / "run").exists()


def test_options_that_no_model_could_use_are_refused_when_they_are_made():
    with pytest.raises(InputError, match=r"unknown loss 'hinged'. Did you mean 'hinge'?"):
        replace(TINY_GAN, loss="hinged")


@pytest.mark.usefixtures("nothing_is_compiled")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"transfer": "freez"}, "unknown transfer 'freez'. Did you mean 'freeze'?"),
        ({"transfer": ""}, "--transfer is empty"),
        ({"shots": 5000}, "--shots 5000 is more than"),
        ({"batch": 11}, r"--batch 11 is larger than the set \(10 images\)"),
    ],
)
def test_what_cannot_be_adapted_is_refused_first(changes, message, sources, tmp_path):
    with pytest.raises(InputError, match=message):
        adapt(adapt_config(sources["gan"].folder.path, tmp_path / "run", **changes))
    assert not (tmp_path / "run").exists()


def test_a_run_is_never_overwritten_unasked(sources):
    folder = sources["gan"].folder
    before = folder.config.read_bytes()
    with pytest.raises(InputError, match=r"exists already. Use --resume to go on with it, --force to delete it"):
        train(train_config("gan", folder.path))
    assert folder.config.read_bytes() == before


def test_force_deletes_runs_only(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="is not a run of genjax, so --force does not delete it"):
        train(train_config("gan", tmp_path), force=True)
    assert (tmp_path / "thesis.tex").exists()


def test_force_starts_again(sources, tmp_path):
    first = RunFolder(shutil.copytree(sources["vae"].folder.path, tmp_path / "run"))
    (first.samples / "old.png").write_bytes(b"")
    second = train(train_config("vae", tmp_path / "run", steps=2, seed=1), force=True)
    assert not (second.folder.samples / "old.png").exists()


def test_a_resumed_run_keeps_its_settings(sources):
    with pytest.raises(InputError, match=r"these differ: seed 0 -> 1. Leave them out"):
        train(train_config("vae", sources["vae"].folder.path, seed=1), resume=True)


def test_a_checkpoint_of_another_config_is_refused_by_the_names_that_differ(sources, tmp_path):
    """config.json and checkpoints that do not belong together, by hand or by damage."""
    run = shutil.copytree(sources["vae"].folder.path, tmp_path / "run")
    text = (run / "config.json").read_text()
    (run / "config.json").write_text(
        text.replace('"seed": 0', '"seed": 3').replace('"kl_weight": 1.0', '"kl_weight": 2.0')
    )
    config = saved_config(RunFolder(run), TrainConfig)
    with pytest.raises(
        InputError, match=r"under other settings than config.json has now: seed 0 -> 3; vae.kl_weight 1.0 -> 2.0"
    ):
        train(replace(config, out=run), resume=True)


def test_resuming_with_the_other_command_is_refused(sources, tmp_path):
    with pytest.raises(InputError, match=r"was made by `genjax train`. Resume it with the same command"):
        adapt(adapt_config(tmp_path, sources["vae"].folder.path), resume=True)


def test_resuming_nothing_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"config.json does not exist"):
        train(train_config("vae", tmp_path / "nothing"), resume=True)


def test_a_run_does_not_go_on_with_other_images(sources, tmp_path):
    from PIL import Image

    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for index in range(12):
        Image.new("L", (16, 16), 20 * index).save(pictures / f"{index}.png")
    config = train_config("vae", tmp_path / "run", data=f"folder:{pictures}", num_images=0, steps=2)
    train(config)
    for index in range(12):
        Image.new("L", (16, 16), 255 - 20 * index).save(pictures / f"{index}.png")
    with pytest.raises(InputError, match=r"have changed since .* was begun"):
        train(replace(config, steps=4), resume=True)


def test_a_source_of_a_damaged_file_is_refused(sources, tmp_path):
    copy = RunFolder(shutil.copytree(sources["vae"].folder.path, tmp_path / "copy"))
    (file,) = copy.model().glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(InputError, match=r"is damaged: its sha256 is not the one in model.json"):
        adapt(adapt_config(copy.path, tmp_path / "adapted"))
