"""Scales and shifts: the formula, what it trains and keeps, and how little."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal

from genjax.errors import InputError
from genjax.models.dcgan import Generator
from genjax.transfer import chain, freeze
from genjax.transfer.scale_shift import scale_shift
from genjax.tree import count, flatten


@pytest.fixture
def source(getkey):
    return {
        "dense": {"kernel": normal(getkey(), (6, 5)), "bias": jnp.ones(5)},
        "norm": {"scale": jnp.ones(5)},
        "up": {"kernel": normal(getkey(), (4, 4, 5, 3))},
    }


def test_gains_and_what_is_in_no_kernel_are_trained(source, getkey):
    trainable, kernels = scale_shift().init(source, getkey())
    assert set(trainable) == {"dense/kernel/gain", "dense/bias", "norm/scale", "up/kernel/gain"}
    assert set(kernels) == {"dense/kernel", "up/kernel"}
    assert count(trainable) == 5 + 5 + 5 + 3


def test_a_gain_multiplies_its_output_channel(source, getkey):
    transfer = scale_shift()
    trainable, kernels = transfer.init(source, getkey())
    trainable["up/kernel/gain"] = jnp.array([0.5, 0.0, -1.0])
    params = transfer.params(trainable, kernels)
    expected = np.asarray(source["up"]["kernel"]) * np.array([1.5, 1.0, 0.0], np.float32)
    np.testing.assert_array_equal(params["up"]["kernel"], expected)
    np.testing.assert_array_equal(params["dense"]["kernel"], source["dense"]["kernel"])


def test_the_slope_of_a_gain_is_that_of_its_channel(source, getkey):
    transfer = scale_shift()
    trainable, kernels = transfer.init(source, getkey())
    slopes = jax.grad(lambda tree: jnp.sum(transfer.params(tree, kernels)["up"]["kernel"] ** 2))(trainable)
    expected = 2 * np.sum(np.asarray(source["up"]["kernel"]) ** 2, axis=(0, 1, 2))
    np.testing.assert_allclose(slopes["up/kernel/gain"], expected, rtol=1e-5)


def test_the_demos_generator_is_under_a_fiftieth(getkey):
    params = jax.eval_shape(Generator().init, getkey(), jnp.zeros((1, 64)))["params"]
    trainable, _ = jax.eval_shape(scale_shift().init, params, getkey())
    assert count(trainable) == 2 * (2048 + 64 + 1) + 2 * (128 + 64)
    assert count(trainable) < 0.02 * count(params)


def test_after_a_freeze_it_scales_what_is_left(source, getkey):
    both = chain(freeze(["up/*"]), scale_shift())
    trainable, context = both.init(source, getkey())
    assert set(trainable) == {"dense/kernel/gain", "dense/bias", "norm/scale"}
    moved = flatten(both.params(jax.tree.map(lambda leaf: leaf + 1, trainable), context))
    np.testing.assert_array_equal(moved["up/kernel"], source["up"]["kernel"])
    np.testing.assert_array_equal(moved["dense/kernel"], 2 * source["dense"]["kernel"])


def test_a_pattern_that_matches_nothing_is_an_error(source, getkey):
    with pytest.raises(InputError, match="matches no parameter"):
        scale_shift(["down/*"]).init(source, getkey())
