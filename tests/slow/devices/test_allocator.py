"""glibc's allocator in processes of their own: one heap, that keeps what the next step needs."""

import ctypes
import os
import subprocess
import sys

import pytest

from genjax.devices import allocator

ALLOCATING = """
import ctypes, threading
from genjax.devices import backend
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


STEPPING = """
import ctypes, resource
from genjax.devices import backend
{first}
library = ctypes.CDLL(None)
library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
library.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
def step():
    arrays = [library.malloc(size) for size in SIZES]
    for array, size in zip(arrays, SIZES):
        library.memset(array, 1, size)
    for array in arrays:
        library.free(array)
SIZES = (50_000_000, 20_000_000, 100_000_000)
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
[step() for _ in range(5)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def ran(code, **environment):
    """The process of this code, which ended well, without what this one was told of its allocator."""
    given = {name: value for name, value in os.environ.items() if name not in allocator.CHOICES} | environment
    return subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, text=True, check=True)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_stats"), reason="another C library")
def test_threads_share_the_place_they_allocate_from():
    def arenas(first, **environment):
        return ran(ALLOCATING.format(first=first), **environment).stderr.count("Arena ")

    assert arenas("pass") > 1
    assert arenas("backend.prepare()") == 1
    assert arenas("backend.prepare()", MALLOC_ARENA_MAX="6") > 1


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="another C library")
def test_a_second_step_of_the_same_arrays_asks_the_system_for_no_page():
    def faults(first, **environment):
        return int(ran(STEPPING.format(first=first), **environment).stdout)

    assert faults("backend.prepare()") < 10
    assert faults("backend.prepare()", MALLOC_MMAP_MAX_="65536") > 10  # a user's own choice is left
    assert faults("pass") > 10
