"""Mining: the identity at first, then a network on the latents that trains with or without the generator."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal

from genjax.errors import InputError
from genjax.models.dcgan import Generator
from genjax.transfer import chain, freeze, lora
from genjax.transfer.miner import miner
from genjax.transfer.scale_shift import scale_shift
from genjax.transfer.singular_values import singular_values
from genjax.tree import count, flatten

MINED = {"miner/hidden/weights", "miner/hidden/shift", "miner/out/weights", "miner/out/shift"}


@pytest.fixture
def source(getkey):
    return {"stem": {"kernel": normal(getkey(), (4, 6)), "bias": jnp.ones(6)}}


@pytest.fixture
def latents(getkey):
    return normal(getkey(), (5, 4))


def moved(tree):
    return jax.tree.map(lambda leaf: leaf + 0.1, tree)


@pytest.mark.parametrize("train_generator", [True, False])
def test_at_first_it_is_the_identity(train_generator, source, latents, getkey):
    transfer = miner(4, width=8, train_generator=train_generator)
    trainable, context = transfer.init(source, getkey())
    np.testing.assert_array_equal(transfer.latents(trainable, context, latents), latents)
    jax.tree.map(np.testing.assert_array_equal, transfer.params(trainable, context), source)


def test_then_it_adds_a_network_of_two_layers(source, latents, getkey):
    transfer = miner(4, width=8)
    trainable, context = transfer.init(source, getkey())
    flat = {name: np.asarray(leaf) for name, leaf in moved(trainable).items()}
    hidden = np.maximum(np.asarray(latents) @ flat["miner/hidden/weights"] + flat["miner/hidden/shift"], 0)
    expected = np.asarray(latents) + hidden @ flat["miner/out/weights"] + flat["miner/out/shift"]
    np.testing.assert_allclose(transfer.latents(moved(trainable), context, latents), expected, rtol=1e-4, atol=1e-5)


def test_with_the_generator_everything_is_trained(source, getkey):
    trainable, context = miner(4, width=8).init(source, getkey())
    assert set(trainable) == MINED | set(flatten(source))
    assert jax.tree.leaves(context) == []


def test_without_it_the_generator_is_kept(source, getkey):
    transfer = miner(4, width=8, train_generator=False)
    trainable, context = transfer.init(source, getkey())
    assert set(trainable) == MINED
    jax.tree.map(np.testing.assert_array_equal, transfer.params(moved(trainable), context), source)


def test_the_slopes_of_the_last_layer_are_not_zero_at_first(source, latents, getkey):
    transfer = miner(4, width=8)
    trainable, context = transfer.init(source, getkey())
    slopes = jax.grad(lambda tree: jnp.sum(transfer.latents(tree, context, latents) ** 2))(trainable)
    assert float(jnp.abs(slopes["miner/out/weights"]).max()) > 0
    assert float(jnp.abs(slopes["stem/kernel"]).max()) == 0


def test_the_demos_miner_has_as_many_numbers_as_the_formula(getkey):
    params = jax.eval_shape(Generator().init, getkey(), jnp.zeros((1, 64)))["params"]
    alone, _ = jax.eval_shape(miner(64, train_generator=False).init, params, getkey())
    both, _ = jax.eval_shape(miner(64).init, params, getkey())
    assert count(alone) == 128 * (2 * 64 + 1) + 64
    assert count(both) == count(alone) + count(params)


@pytest.mark.parametrize("first", [True, False])
def test_a_miner_and_a_freeze_compose_in_either_order(first, source, latents, getkey):
    parts = (miner(4, width=8), freeze(["stem/*"]))
    both = chain(*parts) if first else chain(*reversed(parts))
    trainable, context = both.init(source, getkey())
    assert set(flatten(trainable)) == MINED
    alone = miner(4, width=8)
    expected = alone.latents(moved(trainable), {}, latents)
    np.testing.assert_array_equal(both.latents(moved(trainable), context, latents), expected)
    jax.tree.map(np.testing.assert_array_equal, both.params(moved(trainable), context), source)


@pytest.mark.parametrize("other", [lora(rank=1), scale_shift()])
def test_no_pattern_for_kernels_matches_the_miner(other, source, getkey):
    trainable, _ = chain(miner(4, width=8), other).init(source, getkey())
    assert set(flatten(trainable)) >= MINED
    assert "stem/kernel" not in flatten(trainable)


def test_after_singular_values_it_is_trained_beside_them(source, getkey):
    trainable, _ = chain(singular_values(), miner(4, width=8)).init(source, getkey())
    assert set(flatten(trainable)) == MINED | {"stem/kernel/singular"}


def test_what_cannot_be_is_an_error(source, getkey):
    with pytest.raises(InputError, match="for 4 latents of width 0"):
        miner(4, width=0)
    with pytest.raises(InputError, match="a miner was put before a miner"):
        chain(miner(4), miner(4)).init(source, getkey())
