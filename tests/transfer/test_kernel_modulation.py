"""Kernel modulation: which channels are modulated and which tuned, the formula, and what keeps still."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal

from genjax.errors import InputError
from genjax.models.dcgan import Generator
from genjax.transfer import chain, freeze
from genjax.transfer.kernel_modulation import kernel_modulation
from genjax.tree import count, flatten


@pytest.fixture
def source(getkey):
    return {
        "dense": {"kernel": normal(getkey(), (4, 3)), "bias": jnp.ones(3)},
        "up": {"kernel": normal(getkey(), (2, 2, 3, 2))},
    }


@pytest.fixture
def importance(source):
    """Equal means of its rows, of the channels 1, 4, 5 and 2, 2.5."""
    rows = np.array([0.5, 1.5, 0.5, 1.5])[:, None]
    return {
        "dense": {"kernel": rows * np.array([[1.0, 4.0, 5.0]]), "bias": np.full(3, 100.0)},
        "up": {"kernel": np.ones((2, 2, 3, 2)) * np.array([2.0, 2.5])},
    }


def moved(tree):
    return jax.tree.map(lambda leaf: leaf + 0.1, tree)


def test_channels_at_or_above_the_quantile_are_modulated(source, importance, getkey):
    _, kept = kernel_modulation(importance, quantile=0.5).init(source, getkey())  # the median is 2.5
    np.testing.assert_array_equal(kept["dense/kernel/important"], [False, True, True])
    np.testing.assert_array_equal(kept["up/kernel/important"], [False, True])


@pytest.mark.parametrize(("quantile", "modulated"), [(0.0, 5), (0.75, 2), (1.0, 1)])
def test_the_quantile_is_of_all_channels_together(quantile, modulated, source, importance, getkey):
    _, kept = kernel_modulation(importance, quantile=quantile).init(source, getkey())
    assert sum(int(leaf.sum()) for name, leaf in kept.items() if name.endswith("important")) == modulated


def test_the_parameters_are_those_of_the_formula(source, importance, getkey):
    transfer = kernel_modulation(importance, quantile=0.5)
    trainable, kept = transfer.init(source, getkey())
    trainable |= {
        "up/kernel/row": normal(getkey(), (12,)),
        "up/kernel/column": jnp.array([5.0, 0.5]),
        "up/kernel/offset": normal(getkey(), (2, 2, 3, 2)),
    }
    kernel = np.asarray(source["up"]["kernel"]).reshape(12, 2)
    tuned = kernel + np.asarray(trainable["up/kernel/offset"]).reshape(12, 2)
    modulated = kernel * (1 + np.outer(trainable["up/kernel/row"], [5.0, 0.5]))
    expected = np.where([False, True], modulated, tuned).reshape(2, 2, 3, 2)
    np.testing.assert_allclose(transfer.params(trainable, kept)["up"]["kernel"], expected, rtol=1e-5, atol=1e-6)


def test_a_channel_has_the_slopes_of_one_kind_only(source, importance, getkey):
    transfer = kernel_modulation(importance, quantile=0.5)
    trainable, kept = transfer.init(source, getkey())
    slopes = jax.grad(lambda tree: jnp.sum(transfer.params(tree, kept)["dense"]["kernel"] ** 2))(trainable)
    np.testing.assert_array_equal(slopes["dense/kernel/offset"][:, 1:], np.zeros((4, 2)))
    np.testing.assert_array_equal(slopes["dense/kernel/offset"][:, 0], 2 * source["dense"]["kernel"][:, 0])
    assert float(slopes["dense/kernel/column"][0]) == 0
    assert float(jnp.abs(slopes["dense/kernel/column"][1:]).min()) > 0


def test_the_rest_is_trained_in_full(source, importance, getkey):
    trainable, kept = kernel_modulation(importance).init(source, getkey())
    changed = {f"{layer}/kernel/{part}" for layer in ("dense", "up") for part in ("row", "column", "offset")}
    assert set(trainable) == changed | {"dense/bias"}
    assert {"dense/kernel", "up/kernel"} < set(kept)


def test_a_trained_tree_gives_its_parameters_without_the_importance(source, importance, getkey):
    transfer = kernel_modulation(importance, quantile=0.5)
    trainable, kept = transfer.init(source, getkey())
    slopes = jax.grad(lambda tree: sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(transfer.params(tree, kept))))(
        trainable
    )
    trained = jax.tree.map(lambda leaf, slope: leaf - 0.1 * slope, trainable, slopes)
    loading = kernel_modulation(None)
    like, context = loading.init(source, getkey())
    assert jax.tree.structure(like) == jax.tree.structure(trained)
    expected = transfer.params(trained, kept)
    assert float(jnp.abs(expected["up"]["kernel"] - source["up"]["kernel"]).max()) > 0.01
    jax.tree.map(np.testing.assert_array_equal, loading.params(trained, context), expected)


def test_equal_importances_are_all_at_the_quantile(source, getkey):
    _, kept = kernel_modulation(jax.tree.map(jnp.ones_like, source), quantile=0.9).init(source, getkey())
    assert all(bool(leaf.all()) for name, leaf in kept.items() if name.endswith("important"))


def test_the_demos_generator_holds_two_factors_more(getkey):
    params = jax.eval_shape(Generator().init, getkey(), jnp.zeros((1, 64)))["params"]
    trainable, _ = jax.eval_shape(kernel_modulation(None).init, params, getkey())
    assert count(trainable) == count(params) + (64 + 2048 + 1024) + (2048 + 64 + 1)


def test_after_a_freeze_the_importance_may_hold_more(source, importance, getkey):
    both = chain(freeze(["dense/*"]), kernel_modulation(importance, quantile=1.0))
    trainable, context = both.init(source, getkey())
    np.testing.assert_array_equal(context[1]["up/kernel/important"], [False, True])
    params = flatten(both.params(moved(trainable), context))
    np.testing.assert_array_equal(params["dense/kernel"], source["dense"]["kernel"])
    assert float(jnp.abs(params["up/kernel"] - source["up"]["kernel"]).min()) > 0


def test_what_does_not_fit_is_an_error(source, importance, getkey):
    with pytest.raises(InputError, match=r"the quantile 1.5 of importances"):
        kernel_modulation(importance, quantile=1.5)
    with pytest.raises(InputError, match="matches no parameter"):
        kernel_modulation(importance, patterns=["down/*"]).init(source, getkey())
    with pytest.raises(InputError, match="the importance does not fit the model: missing up/kernel"):
        kernel_modulation({"dense": importance["dense"]}).init(source, getkey())
