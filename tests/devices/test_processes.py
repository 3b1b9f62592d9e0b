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
import pytest
import safetensors.numpy
from compiling import XLA_FLAGS

from genjax.cli.options import MachineOptions
from genjax.devices import processes
from genjax.devices.processes import is_first, several, together, told
from genjax.errors import InputError
from genjax.store.metrics import read_metrics

GENJAX = [sys.executable, "-c", "import sys; from genjax import cli; sys.exit(cli.main(sys.argv[1:]))"]
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


def test_one_process_is_the_first_and_agrees_with_itself():
    assert is_first()
    assert not several()
    assert together(lambda: [1, 2]) == [1, 2]
    assert told(lambda: {"best": float("inf")}) == {"best": float("inf")}


@pytest.mark.parametrize("error", [InputError("no such file"), OSError(28, "No space left"), MemoryError()])
def test_what_fails_in_one_process_is_told_to_all_before_it_is_raised(error, monkeypatch):
    told_to_all = []
    monkeypatch.setattr(processes, "several", lambda: True)
    gather = processes.multihost_utils.process_allgather
    monkeypatch.setattr(
        processes.multihost_utils,
        "process_allgather",
        lambda message: told_to_all.append(message) or gather(message[None]),
    )

    def work():
        raise error

    with pytest.raises(type(error)) as raised:
        together(work)
    assert str(raised.value) == str(error)
    assert bytes(told_to_all[0]).rstrip(b"\0").endswith(str(error).encode())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coordinator": "a:1"}, "--coordinator given without --processes and --process-id. Give all three"),
        ({"processes": 2, "process_id": 0}, "--processes and --process-id given without --coordinator"),
        ({"coordinator": "here", "processes": 2, "process_id": 0}, "--coordinator here is not HOST:PORT"),
        ({"coordinator": "a:1", "processes": 2, "process_id": 2}, "--process-id 2 of --processes 2: expected 0 to 1"),
        ({"coordinator": "a:1", "processes": -1, "process_id": 0}, "--processes is -1"),
        ({"coordinator": "a:1", "processes": 2, "process_id": 0, "distributed": True}, "Use one of them"),
    ],
)
def test_half_of_what_is_needed_to_find_the_others_is_refused(options, message):
    with pytest.raises(InputError, match=re.escape(message)):
        MachineOptions(**options)
