"""Every experiment says what it does."""

import runpy
import sys

import pytest
from experiment import EXPERIMENTS

from genjax import backend

SCRIPTS = [path for path in sorted(EXPERIMENTS.glob("*.py")) if "__main__" in path.read_text()]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_an_experiment_explains_itself(path, tmp_path, monkeypatch, capsys):
    """In this process, for importing jax takes seconds; what only a new one may set is not set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(path), "--help"])
    monkeypatch.syspath_prepend(EXPERIMENTS)  # as Python does for a script
    monkeypatch.setattr(backend, "prepare", lambda: None)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(path), run_name="__main__")
    assert not ended.value.code
    assert "--quick" in capsys.readouterr().out
