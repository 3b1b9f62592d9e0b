"""Every experiment runs in its quick form, with an output that is clean: no warning, no stack trace."""

import os
import subprocess
import sys
from pathlib import Path

EXPERIMENTS = Path(__file__).parents[1] / "experiments"


def quick(name, *arguments, folder):
    """The finished process of an experiment's quick form, run somewhere else than in the checkout."""
    environment = os.environ | {"XLA_FLAGS": "--xla_backend_optimization_level=1"}  # as in conftest.py, on one device
    command = [sys.executable, str(EXPERIMENTS / f"{name}.py"), "--quick", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr.lower(), done.stderr
    assert "Traceback" not in done.stderr
    return done
