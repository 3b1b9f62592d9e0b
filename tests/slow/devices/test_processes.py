"""Two processes on one machine: one run, stopped in both by a signal to one, gone on with by one and by two."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import safetensors.numpy
from compiling import XLA_FLAGS

from genjax.store.metrics import read_metrics

GENJAX = [sys.executable, "-c", "import sys; from genjax.cli.main import main; sys.exit(main(sys.argv[1:]))"]


# A small step: what is rounded otherwise on another number of devices must not grow over some hundred steps.
NETWORK = ["--vae.width", "8", "--vae.latent-size", "4", "--vae.learning-rate", "1e-5", "--control.geco-tolerance", "0"]


TINY = ["--model", "vae", "--num-images", "40", "--batch", "8", "--evaluate-every", "0", "--log-every", "2", *NETWORK]


def begin(out, *arguments, processes=1):
    """The processes of a run, begun."""
    environment = os.environ | {"XLA_FLAGS": XLA_FLAGS}  # as in conftest.py, on one device
    kept = ("jax_compilation_cache_dir", "jax_compilation_cache_max_size")  # as in conftest.py, both
    environment |= {name.upper(): str(jax.config.values[name]) for name in kept}
    environment |= {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2"}
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [*GENJAX, "train", "--out", str(out), *map(str, arguments)]
    if processes > 1:
        command += ["--coordinator", f"localhost:{port}", "--processes", str(processes), "--process-id"]
    ids = [[str(number)] if processes > 1 else [] for number in range(processes)]
    return [
        subprocess.Popen([*command, *own], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for own in ids
    ]


def ended(running, code):
    """What the processes wrote to standard error, after they ended with this code."""
    said = [process.communicate(timeout=280)[1] for process in running]
    assert [process.returncode for process in running] == [code] * len(running), said
    return said


def model(out):
    """The averaged parameters that a run wrote."""
    (file,) = (out / "model" / "latest").glob("vae-*.safetensors")
    return safetensors.numpy.load_file(file)


def test_two_processes_stop_together_and_one_goes_on_and_two_again(tmp_path):
    out = tmp_path / "run"
    running = begin(out, *TINY, "--steps", 100_000, processes=2)
    while not read_metrics(out / "metrics.jsonl"):
        assert running[0].poll() is None, running[0].communicate()
        time.sleep(0.05)
    running[1].send_signal(signal.SIGTERM)
    first, second = ended(running, 128 + signal.SIGTERM)
    (stop,) = re.findall(r"stopped by SIGTERM at step (\d+); everything is saved", first)
    assert "2 x cpu (cpu), float32, 2 processes" in first
    assert second == ""  # one talks

    step = int(stop)
    ended(begin(out, "--resume", "--steps", step + 2), 0)
    ended(begin(out, "--resume", "--steps", step + 4, processes=2), 0)
    ended(begin(tmp_path / "straight", *TINY, "--steps", step + 4), 0)
    expected = model(tmp_path / "straight")
    for name, leaf in model(out).items():
        np.testing.assert_allclose(leaf, expected[name], atol=1e-5, rtol=0, err_msg=name)
    lines = [read_metrics(folder / "metrics.jsonl") for folder in (out, tmp_path / "straight")]
    left, right = ([line["step"] for line in found if line["step"] % 2 == 0] for found in lines)
    assert left == right
