"""Errors of the disk while a run trains, as one line that says what is left and how to go on."""

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from genjax.errors import StorageError
from genjax.store.checkpoint import damage, on_disk
from genjax.store.run_folder import RunFolder

REASONS = {  # errno -> (what is wrong, what to do)
    errno.ENOSPC: ("the disk is full", "Make room"),
    errno.EDQUOT: ("the quota is used up", "Make room"),
    errno.EFBIG: ("a file would be larger than is allowed", "Raise the limit"),
    errno.EROFS: ("the file system is read-only", "Make it writable"),
    errno.EACCES: ("writing is not allowed", "Change the folder's rights"),
    errno.ENOENT: ("the folder has vanished", "Bring it back"),
    errno.EIO: ("the disk fails", "Copy the run to another"),
}
BY_TEXT = {  # how the libraries that write checkpoints pass these errors on
    "no space left": errno.ENOSPC,
    "disk quota": errno.EDQUOT,
    "file too large": errno.EFBIG,
    "read-only file system": errno.EROFS,
    "permission denied": errno.EACCES,
    "no such file or directory": errno.ENOENT,
    "input/output error": errno.EIO,
}


@contextmanager
def watched(folder: RunFolder, *, stages: Sequence[RunFolder]) -> Iterator[None]:
    """Turns an error of the disk that holds the run into a StorageError that says how to go on.

    Args:
        folder: of the run.
        stages: folders of its stages, whose checkpoints say from where.
    """
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        number = cause(error)
        if number is None:
            raise
        wrong, remedy = REASONS[number]
        raise StorageError(f"{folder.path} cannot be written: {wrong}. {remedy}, and {_way_on(stages)}.") from None


def cause(error: BaseException) -> int | None:
    """Returns the errno behind an error; None where it is none of the disk's."""
    if isinstance(error, OSError) and error.errno in REASONS:
        return error.errno
    if type(error) in (ValueError, RuntimeError) or "jaxlib" in type(error).__module__:
        text = str(error).lower()
        return next((number for words, number in BY_TEXT.items() if words in text), None)
    return None


def _way_on(stages: Sequence[RunFolder]) -> str:
    """Returns how to go on: from the latest whole checkpoint of the latest stage that has one."""
    for stage in reversed(stages):
        whole = [int(path.name) for path in on_disk(stage.checkpoints) if not damage(path)]
        if whole:
            where = f" of {stage.path.name}" if len(stages) > 1 else ""
            return f"go on with --resume: the checkpoint of step {max(whole)}{where} is whole"
    return "start again with --force: no checkpoint is whole"
