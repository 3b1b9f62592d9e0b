"""One writer a run: a lock that ends with its owner, however that ends.

The kernel holds it on an open file and lets go when the process is gone, kill -9 included: nothing is left behind that
someone would have to clear away. Readers (`sample`, `evaluate`, `report`) do not ask for it.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genjax.errors import InputError

NAME = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the lock of a run's folder, which must exist.

    Raises:
        InputError: another process holds it.
    """
    try:
        file = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror}). Use another --out.") from None
    try:
        if not _acquire(file):
            raise InputError(_taken(folder))
        os.ftruncate(file, 0)
        os.pwrite(file, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        yield
    finally:
        os.close(file)


def check_unlocked(folder: Path) -> None:
    """Raises InputError while another process trains in this folder."""
    if owner(folder):
        raise InputError(_taken(folder))


def owner(folder: Path) -> str:
    """Who trains in this folder, as "process 1234 on host"; empty for nobody."""
    try:
        file = os.open(folder / NAME, os.O_RDWR)
    except OSError:
        return ""
    try:
        return "" if _acquire(file) else os.pread(file, 200, 0).decode(errors="replace").strip() or "another process"
    finally:
        os.close(file)


def _taken(folder: Path) -> str:
    return f"{folder} is in use: {owner(folder) or 'another process'} trains there. Wait for it, or use another --out."


def _acquire(file: int) -> bool:
    """Whether the lock of an open file could be had; also where the system or the file system has no locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
