"""Pictures and scores along training: the state is on disk before them, and no failure of theirs ends a run."""

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tiny import leaves_equal
from toy_runs import adapted_toy, toy_config, toy_entered

from genjax.errors import InputError
from genjax.store.description import best_score
from genjax.store.metrics import evaluated, read_metrics
from genjax.store.model import load_model
from genjax.store.run_folder import RunFolder
from genjax.store.tensorboard import Board
from genjax.training import preview, stage
from genjax.training.loop import train
from genjax.training.plan import plan_adaptation, plan_training

SCORED = {"evaluate_every": 2, "evaluate_num": 40}


class Killed(BaseException):
    """An end that nothing catches, as SIGKILL."""


def scored_config(out, **changes):
    """A pretraining of the toy, evaluated after steps 2 and 4."""
    return toy_config(out, **(SCORED | changes))


@pytest.fixture(autouse=True)
def toy():
    """The toy is a family here."""
    with toy_entered():
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing disturbed."""
    with toy_entered():
        return train(scored_config(tmp_path_factory.mktemp("whole") / "run"))


def failing(*args, **kwargs):
    """What no run may die of."""
    raise InputError("all distances are 0. Add images.")


@pytest.mark.parametrize(
    ("module", "function", "said"),
    [
        (preview, "evaluate_images", "an evaluation along training failed, and the run goes on without: all distances"),
        (preview, "save_image", "a picture along training failed, and the run goes on without: all distances"),
    ],
)
def test_what_fails_beside_training_is_said_once_and_training_goes_on(
    module, function, said, whole, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(module, function, failing)
    outcome = train(scored_config(tmp_path / "run", sample_every=2))
    leaves_equal(outcome.state, whole.state)
    assert load_model(tmp_path / "run").identity == load_model(whole.folder.path).identity
    assert capsys.readouterr().err.count(said) == 1


def test_tensorboard_that_fails_ends_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Board, "scalars", failing)
    outcome = train(toy_config(tmp_path / "run"))
    assert [line["step"] for line in read_metrics(outcome.folder.metrics)] == [2, 4]
    assert capsys.readouterr().err.count("nothing more is written for TensorBoard (all distances are 0.") == 1
    monkeypatch.setattr(Board, "__init__", failing)
    train(toy_config(tmp_path / "other"))
    assert "nothing is written for TensorBoard" in capsys.readouterr().err


@pytest.mark.parametrize("at", [2, 4])
@pytest.mark.parametrize("moment", ["before it is measured", "before it is logged"])
def test_a_run_killed_in_an_evaluation_has_saved_and_makes_up_for_it(moment, at, whole, tmp_path, monkeypatch):
    real = stage._Loop.evaluate

    def killed(loop, observe, state, step, metrics, best):
        if step == at and moment == "before it is logged":
            nowhere: Any = SimpleNamespace(write=lambda *line: None)
            real(loop, observe, state, step, nowhere, best)
        if step == at:
            raise Killed
        return real(loop, observe, state, step, metrics, best)

    monkeypatch.setattr(stage._Loop, "evaluate", killed)
    with pytest.raises(Killed):
        train(scored_config(tmp_path / "run"))
    assert (tmp_path / "run" / "checkpoints" / str(at)).is_dir()
    assert load_model(tmp_path / "run").networks
    monkeypatch.undo()
    with toy_entered():
        resumed = train(scored_config(tmp_path / "run"), resume=True)
    leaves_equal(resumed.state, whole.state)
    folders = (whole.folder, resumed.folder)
    lines = [read_metrics(folder.metrics) for folder in folders]
    assert lines[0] == lines[1]
    best = [json.loads((folder.model("best") / "model.json").read_text()) for folder in folders]
    assert best[0]["networks"] == best[1]["networks"]
    assert best[0]["score"] == best[1]["score"] == best_score(RunFolder(tmp_path / "run"))


def test_the_best_model_has_the_lowest_score_of_the_log(tmp_path):
    outcome = train(scored_config(tmp_path / "run", steps=6))
    lines = read_metrics(outcome.folder.metrics)
    scores = {line["step"]: line["evaluate/KD[embedded-v1]"] for line in lines if "evaluate/KD[embedded-v1]" in line}
    assert sorted(scores) == [2, 4, 6]
    assert all(evaluated(outcome.folder.metrics, step) for step in scores)
    description = json.loads((outcome.folder.model("best") / "model.json").read_text())
    assert (description["step"], description["score"]) == min(scores.items(), key=lambda pair: pair[1])


def test_held_out_images_that_are_all_alike_give_no_scores_and_the_warning_comes_first(tmp_path, capsys):
    np.savez(tmp_path / "same.npz", images=np.full((40, 16, 16), 7, np.uint8))
    outcome = train(scored_config(tmp_path / "run", data=f"npz:{tmp_path}/same.npz", num_images=0))
    said = capsys.readouterr().err
    assert "are all alike: there will be no scores" in said
    assert said.index("all alike") < said.index("data     npz:")
    assert int(outcome.state.step) == 4
    assert not outcome.folder.model("best").exists()


@pytest.mark.parametrize(("images", "said"), [(1, "no image of npz:"), (2, "one image of npz:")])
def test_an_image_or_none_held_out_gives_no_scores_and_a_warning(images, said, tmp_path, capsys):
    some = np.random.default_rng(0).integers(0, 256, (images, 16, 16), np.uint8)
    np.savez(tmp_path / "few.npz", images=some)
    few = {"data": f"npz:{tmp_path}/few.npz", "num_images": 0, "batch": 1}
    assert plan_training(scored_config(tmp_path / "run", **few)).held_out is None
    assert said in capsys.readouterr().err
    train(scored_config(tmp_path / "source", steps=2))
    adaptation = adapted_toy(tmp_path / "source", tmp_path / "adapted", "full", **SCORED, **few, shots=None)
    capsys.readouterr()
    assert plan_adaptation(adaptation).held_out is None
    assert said in capsys.readouterr().err
