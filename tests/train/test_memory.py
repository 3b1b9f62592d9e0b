"""Out of memory: a batch that fits is named, and it does fit by the compiled step's own plan."""

import ctypes
import os
import re
from pathlib import Path

import jax
import pytest
from tiny import LEARNERS, train_config

from genjax.errors import InputError
from genjax.train import loop, memory, train


@pytest.mark.parametrize("family", LEARNERS)
def test_the_batch_that_is_named_fits_and_twice_as_many_do_not(family, batches):
    learner = LEARNERS[family]()
    state = jax.eval_shape(lambda: learner.init(jax.random.key(0), batches[0]))
    limit = memory.planned(learner, state, batches[0], 64)
    line = memory.advice(learner, state, batches[0], 256, limit)
    (most,) = map(int, re.findall(r"Use --batch (\d+) or smaller", line))
    assert 32 <= most < 64
    assert (
        memory.planned(learner, state, batches[0], most) <= limit < memory.planned(learner, state, batches[0], 2 * most)
    )
    assert "and no other would" in memory.advice(learner, state, batches[0], 256, limit=1000)


def test_a_step_that_does_not_fit_names_a_batch(tmp_path, monkeypatch):
    def exhausted(*arguments):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes")

    monkeypatch.setattr(loop, "batch_indices", exhausted)
    monkeypatch.setattr(memory, "available", lambda: 10**6)
    with pytest.raises(InputError, match="--batch 8 does not fit into memory"):
        train(train_config("vae", tmp_path / "run"))


def test_other_errors_pass(batches):
    learner = LEARNERS["vae"]()
    state = jax.eval_shape(lambda: learner.init(jax.random.key(0), batches[0]))
    with pytest.raises(jax.errors.JaxRuntimeError), memory.watched(learner, state, batches[0], 8):
        raise jax.errors.JaxRuntimeError("INTERNAL: something else")


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="another C library gives back by itself")
def test_what_was_freed_between_what_is_used_goes_back_to_the_system():
    memory.give_back()
    pieces = [bytearray(50_000) for _ in range(2_000)]
    held = resident()
    del pieces[::2]
    memory.give_back()
    assert held - resident() > 40_000_000


def resident():
    """Bytes that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
