"""Freezing: what matches is not there to be trained, the rest is."""

import jax.numpy as jnp
import numpy as np
import pytest

from genjax.transfer import freeze
from genjax.tree import flatten


@pytest.fixture
def source():
    return {"down_8": {"kernel": jnp.ones((2, 2)), "bias": jnp.zeros(2)}, "head": {"kernel": jnp.ones((2, 1))}}


def test_frozen_leaves_are_context_and_the_rest_is_trainable(source, getkey):
    trainable, frozen = freeze(["down_*"]).init(source, getkey())
    assert set(trainable) == {"head/kernel"}
    assert set(frozen) == {"down_8/kernel", "down_8/bias"}


def test_only_what_is_trained_moves(source, getkey):
    transfer = freeze(["*/bias", "head/*"])
    trainable, frozen = transfer.init(source, getkey())
    params = flatten(transfer.params({name: leaf + 1 for name, leaf in trainable.items()}, frozen))
    np.testing.assert_array_equal(params["down_8/kernel"], 2 * np.ones((2, 2)))
    np.testing.assert_array_equal(params["down_8/bias"], np.zeros(2))
    np.testing.assert_array_equal(params["head/kernel"], np.ones((2, 1)))


def test_no_pattern_freezes_nothing(source, getkey):
    trainable, frozen = freeze([]).init(source, getkey())
    assert set(trainable) == set(flatten(source))
    assert frozen == {}
