"""Backends in processes of their own: a damaged cache of compiled steps, and a device that is not there."""

import os
import subprocess
import sys

STEP = """
import sys
from genjax.devices import backend
backend.prepare()
backend.mend_cache()
import jax
def step(x):
    return (x * 2).sum()
print(float(jax.jit(step)(jax.numpy.ones(5))))
"""


def test_a_compiled_step_that_was_not_kept_whole_is_kept_anew(tmp_path):
    """Cut off, as a full disk or a kill leaves it; JAX would complain at every start and never write it again."""
    settings = {"XDG_CACHE_HOME": str(tmp_path), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    dropped = ("JAX_COMPILATION_CACHE_DIR", "XLA_FLAGS")
    environment = {name: value for name, value in os.environ.items() if name not in dropped} | settings

    def run():
        done = subprocess.run(
            [sys.executable, "-c", STEP], env=environment, capture_output=True, text=True, check=True, cwd=tmp_path
        )
        assert (done.stdout, done.stderr) == ("10.0\n", "")
        (entry,) = (tmp_path / "genjax" / "compiled").glob("jit_step-*-cache")
        return entry

    entry = run()
    whole = entry.stat().st_size
    for damaged in (b"", entry.read_bytes()[: whole // 2]):
        entry.write_bytes(damaged)
        assert run().stat().st_size >= 0.9 * whole
    modified = entry.stat().st_mtime_ns
    run()
    assert entry.stat().st_mtime_ns == modified


def test_a_device_that_is_not_there_is_refused_in_one_line(tmp_path):
    start = "import sys; from genjax.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", start, "train", "--device", "tpu", "--out", str(tmp_path / "run")]
    environment = {name: value for name, value in os.environ.items() if name != "JAX_PLATFORMS"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: --device tpu: JAX finds none here")
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())
