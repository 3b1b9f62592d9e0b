"""glibc's allocator, told what suits many equal steps. The one file with ctypes; another C library is left alone."""

import ctypes
import os
from collections.abc import Callable

# What mallopt is told: by the variable with which a user chooses otherwise, the parameter of malloc.h and its value.
CHOICES = {
    "MALLOC_ARENA_MAX": (-8, 1),  # with one, memory stays level over hours (experiments/faults/soak.py)
    "MALLOC_MMAP_MAX_": (-4, 0),
    "MALLOC_TRIM_THRESHOLD_": (-1, 2**31 - 1),
}


def keep() -> None:
    """Lets all threads of this process allocate from one heap, and what they free stays there for the next step.

    By default each large array is mapped anew, and the system clears its pages one by one while they are written: of a
    step on a virtual machine up to a fifth. And each of a checkpoint's threads may begin an arena, whose freed pieces
    nobody else uses, so that the memory of a run grows with every save. What a user's own variables choose is left.
    """
    mallopt = _function("mallopt")
    for variable, choice in CHOICES.items():
        if mallopt is not None and variable not in os.environ:
            mallopt(*choice)


def give_back() -> None:
    """Returns to the system what was freed, such as what compiling and saving have left between what is still used."""
    trim = _function("malloc_trim")
    if trim is not None:
        trim(0)


def _function(name: str) -> Callable[..., int] | None:
    """Finds a function of the C library that this process runs on already."""
    return getattr(ctypes.CDLL(None), name, None) if os.name == "posix" else None
