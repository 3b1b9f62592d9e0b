"""Budgets of CPU time in sessions of their own: with workers, a file over its budget fails the session by name."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
BURNS = """
import time

def test_burns():
    end = time.process_time() + {seconds}
    while time.process_time() < end:
        pass
"""


@pytest.mark.parametrize("strict", [True, False])
def test_a_file_over_its_budget_fails_the_session(tmp_path, strict):
    (tmp_path / "tests").mkdir()
    for name, seconds in (("quick", 0), ("dear", 1.5)):
        (tmp_path / "tests" / f"test_{name}.py").write_text(BURNS.format(seconds=seconds))
    budgets = {"quick": {"total": 60, "default": 0.5, "files": {}}}
    (tmp_path / "budgets.json").write_text(json.dumps(budgets))
    (tmp_path / "budgets.py").write_text((TESTS / "budgets.py").read_text())
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["budgets"]\n')
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTEST_XDIST_WORKER")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "xdist.plugin", "-n", "2", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=environment | {"GENJAX_BUDGETS": str(int(strict)), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == int(strict), done.stdout + done.stderr
    assert "2 passed" in done.stdout
    (over,) = [line for line in done.stdout.splitlines() if line.startswith("over budget: ")]
    assert over.startswith("over budget: tests/test_dear.py spent ")
