"""Singular values: the formula against numpy's, what it trains and keeps, and how little."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal

from genjax.errors import InputError
from genjax.models.dcgan import Generator
from genjax.transfer import chain, freeze
from genjax.transfer.singular_values import singular_values
from genjax.tree import count, flatten


@pytest.fixture
def source(getkey):
    return {
        "dense": {"kernel": normal(getkey(), (3, 8)), "bias": jnp.ones(8)},
        "norm": {"scale": jnp.ones(8)},
        "up": {"kernel": normal(getkey(), (2, 2, 8, 5)), "bias": jnp.zeros(5)},
    }


def decomposed(kernel):
    return np.linalg.svd(np.asarray(kernel).reshape(-1, kernel.shape[-1]), full_matrices=False)


def test_singular_values_alone_are_trained(source, getkey):
    trainable, kept = singular_values().init(source, getkey())
    assert {name: leaf.shape for name, leaf in trainable.items()} == {
        "dense/kernel/singular": (3,),
        "up/kernel/singular": (5,),
    }
    assert {"dense/bias", "norm/scale", "up/bias", "dense/kernel", "up/kernel"} <= set(kept)


def test_biases_are_trained_where_that_is_asked_for(source, getkey):
    transfer = singular_values(biases=True)
    trainable, kept = transfer.init(source, getkey())
    assert set(trainable) == {"dense/kernel/singular", "dense/bias", "up/kernel/singular", "up/bias"}
    params = transfer.params(trainable | {"up/bias": jnp.full(5, 2.0)}, kept)
    np.testing.assert_array_equal(params["up"]["bias"], np.full(5, 2.0))


@pytest.mark.parametrize("layer", ["dense", "up"])
def test_the_kernel_has_the_moved_values_and_the_old_vectors(layer, source, getkey):
    transfer = singular_values()
    trainable, kept = transfer.init(source, getkey())
    kernel = source[layer]["kernel"]
    left, values, right = decomposed(kernel)
    change = np.linspace(-0.5, 0.5, len(values)).astype(np.float32)
    trainable[f"{layer}/kernel/singular"] = jnp.asarray(change)
    moved = transfer.params(trainable, kept)[layer]["kernel"]
    np.testing.assert_allclose(moved, ((left * (values + change)) @ right).reshape(kernel.shape), atol=2e-5)


def test_the_slope_is_twice_the_singular_value_of_a_squared_norm(source, getkey):
    transfer = singular_values()
    trainable, kept = transfer.init(source, getkey())
    slopes = jax.grad(lambda tree: jnp.sum(transfer.params(tree, kept)["up"]["kernel"] ** 2))(trainable)
    np.testing.assert_allclose(slopes["up/kernel/singular"], 2 * decomposed(source["up"]["kernel"])[1], rtol=1e-4)


def test_a_kernel_of_zeros_starts_at_zeros(getkey):
    transfer = singular_values()
    trainable, kept = transfer.init({"out": {"kernel": jnp.zeros((4, 3))}}, getkey())
    np.testing.assert_array_equal(transfer.params(trainable, kept)["out"]["kernel"], np.zeros((4, 3)))


@pytest.mark.parametrize(("biases", "numbers"), [(False, 64 + 64 + 1), (True, 129 + 2048 + 64 + 1 + 128 + 64)])
def test_the_demos_generator_has_129_of_them(biases, numbers, getkey):
    params = jax.eval_shape(Generator().init, getkey(), jnp.zeros((1, 64)))["params"]
    assert count(jax.eval_shape(singular_values(biases=biases).init, params, getkey())[0]) == numbers


def test_a_freeze_and_singular_values_compose(source, getkey):
    both = chain(freeze(["dense/*"]), singular_values())
    trainable, context = both.init(source, getkey())
    assert set(trainable) == {"up/kernel/singular"}
    params = flatten(both.params({"up/kernel/singular": jnp.ones(5)}, context))
    unmoved = {name for name, leaf in flatten(source).items() if bool(jnp.all(leaf == params[name]))}
    assert unmoved == {"dense/kernel", "dense/bias", "norm/scale", "up/bias"}


def test_a_pattern_that_matches_nothing_is_an_error(source, getkey):
    with pytest.raises(InputError, match="matches no parameter"):
        singular_values(["down/*"]).init(source, getkey())
