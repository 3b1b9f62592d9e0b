"""One writer a run: a lock that ends with its owner, however that ends.

The kernel holds it on an open file and lets go when the process is gone, kill -9 included: nothing is left behind that
someone would have to clear away. Readers (`sample`, `evaluate`, `report`) do not ask for it.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from genjax.errors import InputError

NAME = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the lock of a run's folder, which is made where it is missing.

    Raises:
        InputError: another process holds it, or the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = _open(folder, os.O_CREAT)
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror}). Use another --out.") from None
    try:
        if not (_acquire(file) and _is_there(folder, file)):
            raise InputError(_taken(folder))
        os.ftruncate(file, 0)
        os.pwrite(file, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        yield
    finally:
        _tidy(folder)
        os.close(file)


def check_unlocked(folder: Path) -> None:
    """Raises InputError while another process trains in this folder."""
    if owner(folder):
        raise InputError(_taken(folder))


def owner(folder: Path) -> str:
    """Returns who trains in this folder, as "process 1234 on host"; empty for nobody."""
    try:
        file = _open(folder)
    except OSError:
        return ""
    try:
        if _lock(file, shared=True):
            return ""
        return os.pread(file, 200, 0).decode(errors="replace").strip() or "another process"
    finally:
        os.close(file)


def _open(folder: Path, flags: int = 0) -> int:
    # A lock that is a link, in a folder from someone else, would have another file written over.
    return os.open(folder / NAME, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | flags, 0o644)


def _is_there(folder: Path, file: int) -> bool:
    """Returns True if the open file is still the one that others would ask."""
    with suppress(OSError):
        return os.path.samestat(os.stat(folder / NAME), os.fstat(file))
    return False


def _tidy(folder: Path) -> None:
    """Deletes a folder that was made for a run that could not even begin."""
    with suppress(OSError):
        if [path.name for path in folder.iterdir()] == [NAME]:
            (folder / NAME).unlink()
            folder.rmdir()


def _taken(folder: Path) -> str:
    return f"{folder} is in use: {owner(folder) or 'another process'} trains there. Wait for it, or use another --out."


def _acquire(file: int) -> bool:
    """Tries to take the lock of an open file; returns False if another process holds it.

    Those who only ask share it for as long as they ask, and stand in nobody's way: where it can be shared there is no
    owner, and it is asked for again.
    """
    while not _lock(file):
        if not _lock(file, shared=True):
            return False
        _unlock(file)
    return True


def _lock(file: int, *, shared: bool = False) -> bool:
    """Asks the kernel for a lock; returns True if it gave one at once, or if there are no locks here."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _unlock(file: int) -> None:
    import fcntl

    fcntl.flock(file, fcntl.LOCK_UN)
