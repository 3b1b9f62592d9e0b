"""Every experiment runs in its quick form, with an output that is clean: no warning, no stack trace."""

import os
import subprocess
import sys
from pathlib import Path

from compiling import XLA_FLAGS

EXPERIMENTS = Path(__file__).parents[1] / "experiments"


def quick(name, *arguments, folder, flags=XLA_FLAGS):
    """Runs the quick form of a script, named as `bench/growth`, outside the checkout; returns the finished process."""
    environment = os.environ | {"XLA_FLAGS": flags}  # as in conftest.py, on one device
    environment |= {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2"}  # several runs of a quick form share steps
    command = [sys.executable, str(EXPERIMENTS / f"{name}.py"), "--quick", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stderr}"
    assert "warning" not in done.stderr.lower(), done.stderr
    assert "Traceback" not in done.stderr
    return done
