"""Every experiment says what it does."""

import subprocess
import sys

import pytest
from experiment import EXPERIMENTS

SCRIPTS = [path for path in sorted(EXPERIMENTS.glob("*.py")) if "__main__" in path.read_text()]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_an_experiment_explains_itself(path, tmp_path):
    done = subprocess.run(
        [sys.executable, str(path), "--help"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "--quick" in done.stdout
