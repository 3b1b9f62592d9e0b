"""Every experiment says what it does."""

import runpy
import subprocess
import sys

import pytest
from experiment import EXPERIMENTS

from genjax.devices import backend

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


@pytest.mark.parametrize("name", ["decoding_speed", "scale_on_paper"])
def test_an_experiment_without_a_test_of_its_own_starts(name, tmp_path):
    """In a process of its own, as a user starts it."""
    command = [sys.executable, str(EXPERIMENTS / f"{name}.py"), "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "--quick" in done.stdout
