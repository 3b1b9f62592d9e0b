"""glibc's allocator gives back what nothing needs."""

import ctypes
import os
from pathlib import Path

import pytest

from genjax.devices import allocator


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
