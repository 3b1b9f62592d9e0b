"""glibc's allocator, told what suits a long run. The one file that knows ctypes; another C library is left as it is."""

import ctypes
import os
from collections.abc import Callable

M_ARENA_MAX = -8  # of mallopt, from malloc.h
ARENAS = 2  # with two, memory stays level over hours (experiments/soak.py)


def share() -> None:
    """Lets all threads of this process allocate from the same two arenas, unless MALLOC_ARENA_MAX says otherwise.

    By default each of a checkpoint's threads may begin an arena, up to eight for each processor. What they free stays
    there in pieces that nobody else uses, and the memory of a run grows with every save.
    """
    mallopt = _function("mallopt")
    if mallopt is not None and "MALLOC_ARENA_MAX" not in os.environ:
        mallopt(M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Returns to the system what was freed, such as what compiling and saving have left between what is still used."""
    trim = _function("malloc_trim")
    if trim is not None:
        trim(0)


def _function(name: str) -> Callable[..., int] | None:
    """One of the C library that this process runs on already."""
    return getattr(ctypes.CDLL(None), name, None) if os.name == "posix" else None
