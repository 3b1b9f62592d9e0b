"""What an accelerator makes of training steps, in a quick form that runs on a CPU."""

import json
import os
import subprocess
import sys

import pytest
from experiment import EXPERIMENTS, quick

from experiments.bench.accelerator_runs import hash_networks
from experiments.bench.accelerator_tables import markdown
from genjax.errors import InputError


def test_steps_are_compiled_timed_and_compared(tmp_path):
    """On a CPU beside itself: the same gradients, of products as they come too. The part `runs` takes minutes."""
    quick("bench/accelerator", "--parts", "options", "flows", "several", "cpu", "--out", "out", folder=tmp_path)
    found = json.loads((tmp_path / "out" / "accelerator.json").read_text())
    (row,) = found["options"]
    assert row["same_bits"]
    assert row["images_per_second"] == pytest.approx(8 * 1e3 / row["milliseconds"])
    rows = found["flows"]
    assert [row["dtype"] for row in rows] == ["float32", "bfloat16"]
    assert all(0 < row["of_limit"] < 1 and row["same_bits"] for row in rows)
    (row,) = found["cpu"]
    assert (row["default"], row["highest"]) == (0, 0)
    lines = (tmp_path / "out" / "accelerator.md").read_text().splitlines()
    assert "| VAE, 16x16x3, batch 8 | 0.0e+00 | 0.0e+00 |" in lines
    assert sum(line.startswith("| VAE, 16x16x3, batch 8 |") for line in lines) == 3


def test_without_a_gpu_the_full_form_is_refused(tmp_path):
    command = [sys.executable, str(EXPERIMENTS / "bench" / "accelerator.py")]
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip() == "error: JAX finds no GPU here. Try --quick, which runs on a CPU too."


def test_tables_say_what_is_equal():
    options = {"nothing": {"again": False, "resumed": True}}
    found = {
        "device": "GPU",
        "jax": "1.0",
        "turns": 7,
        "calls": 20,
        "runs": {"steps": 60, "network": "gan", "options": options},
    }
    row = {"case": "GAN", "dtype": "bfloat16", "compile_seconds": 8.44, "milliseconds": 2.031, "same_bits": True}
    found["steps"] = [row | {"images_per_second": 31468.9}]
    lines = markdown(found).splitlines()
    assert "| nothing | differ | equal |" in lines
    assert "| GAN | bfloat16 | 8.4 | 2.03 | 31,469 | equal |" in lines


def test_networks_are_compared_by_their_bytes(tmp_path):
    for name, content in {"one": b"1", "again": b"1", "other": b"2"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "generator.safetensors").write_bytes(content)
    assert hash_networks(tmp_path / "one") == hash_networks(tmp_path / "again") != hash_networks(tmp_path / "other")
    with pytest.raises(InputError, match="holds no networks"):
        hash_networks(tmp_path)
