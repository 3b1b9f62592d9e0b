"""A run that collapses goes back to where it was sound, more slowly each time, and in the end stops."""

import json

import pytest
from tiny import TINY_VAE, train_config

from genjax.cli import main as cli
from genjax.config import ControlConfig, VaeConfig
from genjax.store.metrics import read_metrics
from genjax.training import stage
from genjax.training.loop import train

GUARDED = ControlConfig(ada_target=0.0, collapse_rollbacks=2)
WILD = VaeConfig(width=8, latent_size=4, learning_rate=1e30)  # every loss after the first update is not finite


@pytest.fixture(scope="module")
def wild(tmp_path_factory):
    """(folder, outcome) of a run that cannot be saved."""
    folder = tmp_path_factory.mktemp("recovery") / "run"
    config = train_config("vae", folder, steps=200, log_every=50, save_every=200, control=GUARDED, vae=WILD)
    return folder, train(config)


@pytest.mark.slow
def test_it_gives_up_after_so_many_rollbacks_and_says_what_it_saw(wild):
    _, outcome = wild
    assert outcome.collapse.startswith("collapsed at step ")
    assert "control/rollbacks 2" in outcome.collapse
    assert int(outcome.state.control[-1].rollbacks) == 2


@pytest.mark.slow
def test_no_step_is_logged_twice(wild):
    steps = [line["step"] for line in read_metrics(wild[0] / "metrics.jsonl")]
    assert steps == sorted(set(steps))


def test_it_goes_back_to_the_last_sound_checkpoint(tmp_path, monkeypatch):
    """Steps 5 to 8 of a sound run are declared lost, once."""
    config = train_config("vae", tmp_path / "run", steps=8, save_every=4, log_every=1, control=GUARDED, vae=TINY_VAE)
    asked, real = [], stage.roll_back

    def collapsed(measured):
        return len(asked) == 0 and float(measured["control/unsound_steps"]) == 0 and next(steps) == 6

    def watched(plan, checkpoints, state, begin):
        asked.append(int(state.step))
        return real(plan, checkpoints, state, begin)

    steps = iter(range(1, 100))
    monkeypatch.setattr(stage, "collapsed", collapsed)
    monkeypatch.setattr(stage, "roll_back", watched)
    outcome = train(config)
    assert asked == [6]
    assert int(outcome.state.step) == 8
    assert int(outcome.state.control[-1].rollbacks) == 1
    lines = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert [line["step"] for line in lines] == list(range(1, 9))
    assert [line["control/learning_rate_scale"] for line in lines] == [1] * 4 + [0.5] * 4


@pytest.mark.slow
def test_the_command_says_so_and_fails(wild, monkeypatch, capsys):
    monkeypatch.setattr("genjax.training.loop.train", lambda config, **options: wild[1])
    assert cli.main(["train"]) == 1
    assert "collapsed at step" in capsys.readouterr().err
    assert json.loads((wild[0] / "config.json").read_text())["config"]["control"]["collapse_rollbacks"] == 2
