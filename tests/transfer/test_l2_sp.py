"""L2-SP: the squared distance to the source, and to nothing else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal

from genjax.errors import InputError
from genjax.transfer import chain, freeze, lora
from genjax.transfer.l2_sp import l2_sp
from genjax.tree import count, flatten


@pytest.fixture
def source(getkey):
    return {
        "stem": {"kernel": normal(getkey(), (4, 6)), "bias": jnp.ones(6)},
        "up": {"kernel": normal(getkey(), (2, 2, 6, 3))},
    }


def no_forward(params, latents):
    raise AssertionError("this penalty is of parameters alone")


def moved(tree):
    return jax.tree.map(lambda leaf: leaf + 0.5, tree)


def test_everything_is_trained(source, getkey):
    trainable, context = l2_sp(1.0).init(source, getkey())
    assert count(trainable) == count(source)
    jax.tree.map(np.testing.assert_array_equal, l2_sp(1.0).params(trainable, context), source)


def test_at_the_source_there_is_no_penalty_and_no_slope(source, getkey):
    trainable, context = l2_sp(3.0).init(source, getkey())
    value, slopes = jax.value_and_grad(l2_sp(3.0).penalty)(trainable, context, getkey(), no_forward)
    assert float(value) == 0
    assert all(bool(jnp.all(leaf == 0)) for leaf in jax.tree.leaves(slopes))


def test_elsewhere_it_is_the_weighted_squared_distance(source, getkey):
    trainable, context = l2_sp(3.0).init(source, getkey())
    value, slopes = jax.value_and_grad(l2_sp(3.0).penalty)(moved(trainable), context, getkey(), no_forward)
    assert float(value) == pytest.approx(3 * 0.25 * count(source))
    np.testing.assert_allclose(slopes["stem"]["bias"], np.full(6, 2 * 3 * 0.5), rtol=1e-6)


@pytest.mark.parametrize("frozen_first", [True, False])
def test_what_is_frozen_costs_nothing(frozen_first, source, getkey):
    parts = (freeze(["stem/*"]), l2_sp(1.0))
    both = chain(*parts) if frozen_first else chain(*reversed(parts))
    trainable, context = both.init(source, getkey())
    assert set(flatten(trainable)) == {"up/kernel"}
    assert float(both.penalty(trainable, context, getkey(), no_forward)) == 0
    assert float(both.penalty(moved(trainable), context, getkey(), no_forward)) == pytest.approx(0.25 * 72)


def test_before_lora_it_is_of_the_kernels_that_the_updates_make(source, getkey):
    both = chain(l2_sp(1.0), lora(rank=1))
    trainable, context = both.init(source, getkey())
    trainable["up/kernel/up"] = jnp.ones((1, 3))
    expected = 3 * np.sum(np.asarray(trainable["up/kernel/down"]) ** 2)
    assert float(both.penalty(trainable, context, getkey(), no_forward)) == pytest.approx(expected, rel=1e-5)


def test_a_negative_weight_is_an_error():
    with pytest.raises(InputError, match="an L2-SP weight of -1"):
        l2_sp(-1.0)
