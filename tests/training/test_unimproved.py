"""An adaptation begins as its source, which is its best model until a step comes nearer to the held-out images."""

import dataclasses
import json
import signal
from typing import Any

import pytest
from tiny import adapt_config, leaves_equal, train_config
from toy_runs import adapted_toy, in_step, toy_config, toy_entered

from genjax.report.gather import write_report
from genjax.store.description import best_score, best_step
from genjax.store.metrics import read_metrics
from genjax.store.model import load_model
from genjax.store.run_folder import RunFolder
from genjax.training import stage
from genjax.training.loop import adapt, train
from genjax.training.seeds import steadiness

KD = "evaluate/KD[embedded-v1]"
SAID = "came nearer to the 20 held-out images than the source (KD[embedded-v1] "
SCORED: dict[str, Any] = {"evaluate_every": 2, "evaluate_num": 20, "save_every": 2, "steps": 4, "num_images": 200}
FITTED = SCORED | {"data": "digits", "shots": None}  # the source was trained on these very images
RUINOUS = FITTED | {"learning_rate_scale": 1e5}  # one step throws every pixel far out of its range


class Killed(BaseException):
    """An end that nothing catches, as SIGKILL."""


@pytest.fixture(autouse=True)
def toy():
    """The toy is a family here."""
    with toy_entered():
        yield


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The folder of a toy that has learned digits."""
    with toy_entered():
        return train(toy_config(tmp_path_factory.mktemp("source") / "run", steps=40, num_images=200)).folder.path


@pytest.fixture(scope="module")
def ruined(source, tmp_path_factory):
    """(outcome, what was said) of an adaptation that does harm; nothing disturbed it."""
    with toy_entered(), pytest.MonkeyPatch.context() as patch:
        said: list[str] = []
        patch.setattr(stage, "say", said.append)
        return adapt(adapted_toy(source, tmp_path_factory.mktemp("ruined") / "run", "full", **RUINOUS)), said


def kept(outcome):
    """What says how good a run was: its log, and its best model."""
    best = json.loads((outcome.folder.model("best") / "model.json").read_text())
    return read_metrics(outcome.folder.metrics), best["step"], best["score"], best["networks"]


def test_the_best_of_an_adaptation_that_does_harm_is_its_source_bit_for_bit(source, ruined):
    outcome, said = ruined
    assert best_step(outcome.folder) == 0
    leaves_equal(load_model(outcome.folder.path, which="best").params(), load_model(source).params())
    scores = {line["step"]: line[KD] for line in read_metrics(outcome.folder.metrics) if KD in line}
    assert sorted(scores) == [0, 2, 4]
    assert scores[0] < min(scores[2], scores[4])
    (line,) = [line for line in said if "came nearer" in line]
    assert SAID + f"{scores[0]:.3g}, its own best {min(scores[2], scores[4]):.3g}): model/best is the source" in line


def test_the_best_of_an_adaptation_that_helps_is_adapted(source, tmp_path, capsys):
    outcome = adapt(adapted_toy(source, tmp_path / "run", "full", **SCORED, shots=None))
    scores = {line["step"]: line[KD] for line in read_metrics(outcome.folder.metrics) if KD in line}
    assert scores[4] < scores[0]
    assert best_step(outcome.folder) == min(scores, key=scores.__getitem__) > 0
    assert "came nearer" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("moment", "at"),
    [
        ("before it is logged", 0),
        pytest.param("before it is measured", 0, marks=pytest.mark.slow),
        ("afterwards", 0),
        pytest.param("before it is logged", 2, marks=pytest.mark.slow),
    ],
)
def test_a_killed_adaptation_neither_loses_its_source_nor_measures_it_twice(
    moment, at, source, ruined, tmp_path, monkeypatch
):
    config, real, measured = adapted_toy(source, tmp_path / "run", "full", **RUINOUS), stage._Loop.evaluate, []

    def killed(loop, observe, state, step, metrics, best):
        measured.append(step)
        if step == at and moment == "before it is measured":
            raise Killed
        if step == at and moment == "before it is logged":
            monkeypatch.setattr(type(metrics), "write", lambda *line: None)
        best = real(loop, observe, state, step, metrics, best)
        if step == at:
            raise Killed
        return best

    monkeypatch.setattr(stage._Loop, "evaluate", killed)
    with pytest.raises(Killed):
        adapt(config)
    monkeypatch.undo()
    with toy_entered(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage._Loop, "evaluate", lambda loop, *rest: (measured.append(rest[2]), real(loop, *rest))[1])
        resumed = adapt(config, resume=True)
    assert kept(resumed) == kept(ruined[0])
    leaves_equal(resumed.state, ruined[0].state)
    assert measured.count(0) == 1 + (at == 0 and moment != "afterwards")


def test_it_is_said_once_and_not_by_a_run_that_is_stopped(source, tmp_path, monkeypatch, capsys):
    config = adapted_toy(source, tmp_path / "run", "full", **RUINOUS)
    with monkeypatch.context() as patch:
        in_step(patch, 1, lambda: signal.raise_signal(signal.SIGTERM))
        adapt(config)
    assert SAID not in capsys.readouterr().err
    adapt(config, resume=True)
    assert capsys.readouterr().err.count(SAID) == 1
    adapt(config, resume=True)
    assert SAID not in capsys.readouterr().err


def test_without_evaluations_there_is_no_source_to_compare_with(source, tmp_path):
    outcome = adapt(adapted_toy(source, tmp_path / "run", "full", **RUINOUS | {"evaluate_every": 0}))
    assert not outcome.folder.model("best").exists()
    assert all(line["step"] for line in read_metrics(outcome.folder.metrics))


def test_the_steadiness_of_an_adaptation_is_that_of_its_steps(ruined):
    (found,) = steadiness([ruined[0].folder.path]).runs.values()
    scores = [line[KD] for line in read_metrics(ruined[0].folder.metrics) if KD in line]
    assert (found.best, found.final) == (min(scores[1:]), scores[2])
    assert ruined[0].evaluations == 2


def test_the_report_says_it_too(ruined, tmp_path):
    page = write_report([ruined[0].folder.path], tmp_path / "report.html", num=20).read_text()
    assert page.count("No step of the adaptation came nearer to the held-out images than the source") == 1
    assert "The model was better before" not in page


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gan", "vae"])
def test_one_emoji_does_no_harm_to_what_is_kept(family, tmp_path):
    """A shot is repeated, which is far from all the others: few sources are nearer with it. (results/few_shot.md)"""
    common: dict[str, Any] = {"evaluate_every": 10, "evaluate_num": 100, "num_images": 0}
    source = train_config(family, tmp_path / "source", data="emoji:!animals-nature", size=32, channels=3, batch=32)
    train(dataclasses.replace(source, steps=60, num_images=0))
    for scale in (1.0, 100.0):  # of the source's learning rates: as they are, and ruinous
        out = tmp_path / f"{scale:g}"
        animals = adapt_config(source.out, out, data="emoji:animals-nature", shots=1, steps=20)
        adapt(dataclasses.replace(animals, learning_rate_scale=scale, **common))
        scores = {line["step"]: line[KD] for line in read_metrics(out / "metrics.jsonl") if KD in line}
        assert sorted(scores) == [0, 10, 20]
        assert best_score(RunFolder(out)) == min(scores.values()) <= scores[0]
        assert best_step(RunFolder(out)) == 0 or scale == 1
        if best_step(RunFolder(out)) == 0:
            leaves_equal(load_model(out, which="best").params(), load_model(source.out).params())
