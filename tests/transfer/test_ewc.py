"""Elastic weight consolidation: the distance to the source, weighted by information."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal, uniform

from genjax.errors import InputError
from genjax.transfer import chain, freeze
from genjax.transfer.ewc import ewc
from genjax.transfer.l2_sp import l2_sp
from genjax.tree import count, flatten


@pytest.fixture
def source(getkey):
    return {
        "stem": {"kernel": normal(getkey(), (4, 6)), "bias": jnp.ones(6)},
        "up": {"kernel": normal(getkey(), (2, 2, 6, 3))},
    }


@pytest.fixture
def fisher(source, getkey):
    return jax.tree.map(lambda leaf: uniform(getkey(), leaf.shape), source)


def no_forward(params, latents):
    raise AssertionError("this penalty is of parameters alone")


def moved(tree):
    return jax.tree.map(lambda leaf: leaf + 0.5, tree)


def test_at_the_source_there_is_no_penalty_and_no_slope(source, fisher, getkey):
    trainable, context = ewc(3.0, fisher).init(source, getkey())
    assert count(trainable) == count(source)
    jax.tree.map(np.testing.assert_array_equal, ewc(3.0, fisher).params(trainable, context), source)
    value, slopes = jax.value_and_grad(ewc(3.0, fisher).penalty)(trainable, context, getkey(), no_forward)
    assert float(value) == 0
    assert all(bool(jnp.all(leaf == 0)) for leaf in jax.tree.leaves(slopes))


def test_elsewhere_each_parameter_pays_by_its_information(source, fisher, getkey):
    transfer = ewc(3.0, fisher)
    trainable, context = transfer.init(source, getkey())
    value, slopes = jax.value_and_grad(transfer.penalty)(moved(trainable), context, getkey(), no_forward)
    total = sum(np.asarray(leaf, np.float64).sum() for leaf in jax.tree.leaves(fisher))
    assert float(value) == pytest.approx(3 * 0.25 * total, rel=1e-5)
    np.testing.assert_allclose(slopes["up"]["kernel"], 2 * 3 * 0.5 * fisher["up"]["kernel"], rtol=1e-5)


def test_information_of_one_everywhere_is_l2_sp(source, getkey):
    transfer = ewc(2.0, jax.tree.map(jnp.ones_like, source))
    trainable, context = transfer.init(source, getkey())
    expected = l2_sp(2.0).penalty(moved(trainable), l2_sp(2.0).init(source, getkey())[1], getkey(), no_forward)
    assert float(transfer.penalty(moved(trainable), context, getkey(), no_forward)) == pytest.approx(float(expected))


def test_without_information_the_model_loads_and_pays_nothing(source, fisher, getkey):
    trainable, context = ewc(3.0, None).init(source, getkey())
    assert jax.tree.structure(context) == jax.tree.structure(ewc(3.0, fisher).init(source, getkey())[1])
    assert float(ewc(3.0, None).penalty(moved(trainable), context, getkey(), no_forward)) == 0


def test_after_a_freeze_the_information_may_hold_more(source, fisher, getkey):
    both = chain(freeze(["stem/*"]), ewc(1.0, fisher))
    trainable, context = both.init(source, getkey())
    assert set(flatten(trainable)) == {"up/kernel"}
    expected = 0.25 * float(fisher["up"]["kernel"].sum())
    assert float(both.penalty(moved(trainable), context, getkey(), no_forward)) == pytest.approx(expected, rel=1e-5)


def test_information_that_does_not_fit_is_an_error(source, fisher, getkey):
    with pytest.raises(InputError, match="an EWC weight of -1"):
        ewc(-1.0, fisher)
    with pytest.raises(InputError, match="the Fisher information does not fit the model: missing up/kernel"):
        ewc(1.0, {"stem": fisher["stem"]}).init(source, getkey())
    with pytest.raises(InputError, match=r"stem/bias has shape \(5,\), expected \(6,\)"):
        ewc(1.0, fisher | {"stem": fisher["stem"] | {"bias": jnp.ones(5)}}).init(source, getkey())
