"""Child processes that can be ended at any moment, and training in them with a hash of how it ended.

A child is a fork of a process that has imported everything and computed nothing: it starts in milliseconds, and JAX a
second later. On Linux and other systems that can fork.
"""

import contextlib
import hashlib
import json
import os
import signal
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from genjax.config import TrainConfig
from genjax.devices import backend
from genjax.errors import InputError, StorageError
from genjax.families.learner import TrainState
from genjax.training.loop import train
from genjax.tree import flatten

LONGEST = 600.0  # seconds, after which a child counts as hanging


class Ended(NamedTuple):
    """End of a child.

    Attributes:
        code: exit code, or minus the signal that ended it.
        value: return value of its work; None where it did not return.
        output: text that it wrote to the terminal.
        seconds: time from its start to its end.
    """

    code: int
    value: Any
    output: str
    seconds: float


class Child:
    """Work in a child process, beside this one."""

    def __init__(self, work: Callable[[], Any], cache: Path) -> None:
        """Starts the child.

        Args:
            work: function that returns plain values.
            cache: folder for compiled steps.
        """
        self.began = time.monotonic()
        self.output = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the child
        self.value, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _run(work, cache, self.output.fileno(), writing)
        os.close(writing)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Sends a signal to the child."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self, seconds: float) -> bool:
        """Waits up to so many seconds; returns True if the child ended."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is not None:
                return True
            time.sleep(0.002)
        return False

    def end(self) -> Ended:
        """Waits for the child's end; kills one that hangs."""
        if not self.wait(LONGEST):
            self.kill()
        status = os.waitpid(self.pid, 0)[1]
        seconds = time.monotonic() - self.began
        with os.fdopen(self.value, "rb") as pipe, self.output as file:
            content = pipe.read()
            file.seek(0)
            output = file.read().decode(errors="replace")
        value = json.loads(content) if content else None
        return Ended(os.waitstatus_to_exitcode(status), value, output, seconds)


def _run(work: Callable[[], Any], cache: Path, output: int, result: int) -> None:
    """Does the work in the child and exits; it never returns."""
    code = 1
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        backend.mend_cache()
        jax.config.update("jax_compilation_cache_dir", str(cache))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
        content = json.dumps(work()).encode()
        while content:
            content = content[os.write(result, content) :]
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def trained(config: TrainConfig, *, resume: bool = False) -> dict[str, Any]:
    """Trains, in a child; returns how the run ended, and hashes of every bit of its state and log."""
    try:
        outcome = train(config, resume=resume)
    except (InputError, StorageError) as error:
        return {"error": str(error)}
    signal_ = outcome.signal.name if outcome.signal else ""
    return {"step": int(outcome.state.step), "signal": signal_, "collapse": outcome.collapse} | hashes(
        outcome.state, config.out
    )


def hashes(state: TrainState, run: Path) -> dict[str, str]:
    """Hashes a state, and the log of its run (sha256)."""
    digest = hashlib.sha256()
    for name, leaf in flatten(state).items():
        known = jax.random.key_data(leaf) if jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
        array = np.asarray(known)
        digest.update(f"{name} {array.shape} {array.dtype}".encode() + array.tobytes())
    log = hashlib.sha256((run / "metrics.jsonl").read_bytes()).hexdigest()
    return {"state": digest.hexdigest(), "log": log}
