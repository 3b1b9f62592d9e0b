"""Rows in chunks are the rows all at once."""

import jax
import numpy as np
import pytest

from genjax.families.chunks import in_chunks

ROWS = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)


@pytest.mark.parametrize("chunk", [1, 3, 5, 10, 64])
def test_all_rows_come_back_in_their_order(chunk):
    found = in_chunks(lambda a, b: {"sum": (a + b).sum(axis=1), "same": a}, ROWS, 2 * ROWS, chunk=chunk)
    np.testing.assert_allclose(found["sum"], 3 * ROWS.sum(axis=1), rtol=1e-5)
    np.testing.assert_array_equal(found["same"], ROWS)


def test_one_program_serves_all_chunks():
    traced = []

    def function(rows):
        traced.append(rows.shape)
        return rows * 2

    in_chunks(jax.jit(function), ROWS, chunk=4)
    assert traced == [(4, 3)]
