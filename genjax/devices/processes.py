"""A run in several processes: how they find each other, and how they stay of one mind.

Every process runs the same program on its own devices, and JAX connects them. The first one talks and writes; of a
checkpoint each writes what it holds. What depends on one process alone (a file that it cannot read, a signal that it
got, the checkpoint that it finds whole) is told to all before any acts on it: they would otherwise wait for each other
for ever. With one process nothing here does anything.
"""

import itertools
import json
from collections.abc import Callable
from typing import TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

from genjax.errors import InputError

T = TypeVar("T")
LONGEST = 2048  # bytes of a message
# JAX's own count of steps belongs to the process, and must not begin again with its next run.
_asked = itertools.count()


def connect(coordinator: str = "", processes: int | None = None, process_id: int | None = None) -> None:
    """Joins the other processes of this run. To be called once, before anything else of JAX, by an entry point.

    Args:
        coordinator: HOST:PORT of the first process, at which the others find it; empty where JAX finds out by itself
            (TPU pods, SLURM, Open MPI, Kubernetes).
        processes: how many there are.
        process_id: which of them this is, from 0.
    Raises:
        InputError: the others are not to be found.
    """
    try:
        jax.distributed.initialize(coordinator or None, processes, process_id)
    except (ValueError, RuntimeError) as error:
        what = str(error).splitlines()[0][:200]
        raise InputError(
            f"the processes of this run did not find each other ({what}). Start all of them with the same"
            " --coordinator HOST:PORT and --processes, each with its own --process-id."
        ) from None


def meet() -> None:
    """Waits for the others. Gloo, which connects CPUs, wants the first meeting soon: before the data are read."""
    if several():
        multihost_utils.sync_global_devices("genjax")


def several() -> bool:
    """Returns True if there is more than one process."""
    return jax.process_count() > 1


def is_first() -> bool:
    """Returns True in the process that writes and talks."""
    return jax.process_index() == 0


def together(work: Callable[[], T]) -> T:
    """Does `work` in every process; if it fails in one, it fails in all, with one line.

    Raises:
        InputError: that of the first process that has one, or what the disk or the memory of another has said.
        OSError: of this process's own disk.
        MemoryError: of this process.
    """
    if not several():
        return work()
    found, refused, own = None, "", None
    try:
        found = work()
    except InputError as error:
        refused = str(error)
    except (OSError, MemoryError) as error:
        refused, own = f"{type(error).__name__} in process {jax.process_index()}: {error}", error
    message = np.frombuffer(refused.encode()[:LONGEST].ljust(LONGEST, b"\0"), np.uint8)
    everyone = np.asarray(multihost_utils.process_allgather(message))
    if own is not None:
        raise own
    for line in everyone:
        if line.any():
            raise InputError(line.tobytes().rstrip(b"\0").decode(errors="replace"))
    return found  # type: ignore[return-value] - it is not None unless `work` gives that


def told(work: Callable[[], T]) -> T:
    """Does `work` in the first process alone, and returns its result in every one.

    Args:
        work: gives what JSON can hold.
    Raises:
        InputError: raised by `work`.
    """
    if not several():
        return work()
    given = together(lambda: json.dumps(work()).encode() if is_first() else b"")
    length = int(multihost_utils.broadcast_one_to_all(np.int32(len(given))))
    sent = np.frombuffer(given or bytes(length), np.uint8)
    return json.loads(np.asarray(multihost_utils.broadcast_one_to_all(sent)).tobytes())


def asked_to_stop() -> bool:
    """Returns True if any process got SIGTERM: in all of them at the same call, which is the same step."""
    return multihost_utils.reached_preemption_sync_point(next(_asked))
