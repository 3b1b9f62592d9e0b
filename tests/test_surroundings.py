"""A clock that is set back and odd paths make no difference to a run, or are refused."""

import os
import time

import pytest
from tiny import leaves_equal, train_config

from genjax.errors import InputError
from genjax.store.metrics import read_metrics
from genjax.training.loop import train


def test_a_bracket_in_a_path_is_refused(tmp_path):
    """What writes checkpoints takes it for a pattern: they were written, and could not be read."""
    with pytest.raises(InputError, match=r"a folder with a bracket in its name"):
        train(train_config("vae", tmp_path / "[2026]" / "run"))
    assert not list(tmp_path.iterdir())


@pytest.fixture
def clock(monkeypatch):
    """A clock that can be set, and that runs backwards by an hour at every look."""
    now = [4e9]

    def look():
        now[0] -= 3600
        return now[0]

    monkeypatch.setattr(time, "time", look)
    monkeypatch.setattr(time, "time_ns", lambda: int(look() * 1e9))
    return now


def test_a_clock_that_is_set_back_and_files_from_the_future(tmp_path, clock):
    """Which checkpoint is the latest, and which lines of the log stay, is a matter of steps alone."""
    settings = {"log_every": 1, "save_every": 1}
    straight = train(train_config("vae", tmp_path / "straight", steps=5, **settings))
    train(train_config("vae", tmp_path / "run", steps=3, **settings))
    clock[0] = 1e8
    for number, path in enumerate(sorted((tmp_path / "run").rglob("*"), reverse=True)):
        os.utime(path, (5e9 - number, 5e9 - number))
    resumed = train(train_config("vae", tmp_path / "run", steps=5, **settings), resume=True)
    leaves_equal(resumed.state, straight.state)
    lines = [read_metrics(tmp_path / name / "metrics.jsonl") for name in ("straight", "run")]
    assert lines[0] == lines[1]
