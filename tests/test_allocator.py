"""glibc's allocator: few arenas, and what is free goes back."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from genjax import allocator

ALLOCATING = """
import ctypes, threading
from genjax import backend
{first}
together = threading.Barrier(8)
def allocate():
    together.wait()
    kept = [ctypes.CDLL(None).malloc(1000) for _ in range(1000)]
    together.wait()
threads = [threading.Thread(target=allocate) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
ctypes.CDLL(None).malloc_stats()
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_stats"), reason="another C library")
def test_threads_share_the_places_they_allocate_from():
    def arenas(first, **environment):
        code = ALLOCATING.format(first=first)
        given = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"} | environment
        done = subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, text=True, check=True)
        return done.stderr.count("Arena ")

    assert arenas("pass") > allocator.ARENAS
    assert arenas("backend.prepare()") <= allocator.ARENAS
    assert arenas("backend.prepare()", MALLOC_ARENA_MAX="6") > allocator.ARENAS


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="another C library gives back by itself")
def test_what_was_freed_between_what_is_used_goes_back_to_the_system():
    allocator.give_back()
    pieces = [bytearray(50_000) for _ in range(2_000)]
    held = resident()
    del pieces[::2]
    allocator.give_back()
    assert held - resident() > 40_000_000


def resident():
    """Bytes that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
