"""What an accelerator makes of training steps, in a quick form that runs on a CPU."""

import json
import os
import subprocess
import sys

from experiment import EXPERIMENTS, quick


def test_steps_are_compiled_timed_and_compared(tmp_path):
    """On a CPU beside itself: the same gradients and the same bits. The part `runs` takes minutes of a CPU."""
    text = quick("accelerator", "--parts", "told", "several", "cpu", "--out", "out", folder=tmp_path).stdout
    found = json.loads((tmp_path / "out" / "accelerator.json").read_text())
    assert text.strip() == (tmp_path / "out" / "accelerator.md").read_text().strip()
    (row,) = found["told"]
    assert row["same_bits"]
    assert row["compile_seconds"] > 0
    assert found["cpu"][0]["highest"] == 0
    assert {"one", "several"} < set(found["several"][0])


def test_without_an_accelerator_the_full_form_is_refused(tmp_path):
    command = [sys.executable, str(EXPERIMENTS / "accelerator.py")]
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip() == "error: JAX finds no GPU or TPU here. Try --quick, which runs on a CPU too."
