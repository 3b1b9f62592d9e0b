"""LoRA: the formula, what it trains, and how little."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal, parameters

from genjax.errors import InputError
from genjax.models.dcgan import Generator
from genjax.transfer import lora
from genjax.tree import count, flatten


@pytest.fixture
def source(getkey):
    return {
        "dense": {"kernel": normal(getkey(), (12, 10)), "bias": jnp.ones(10)},
        "up": {"kernel": normal(getkey(), (4, 4, 3, 7))},
    }


def test_the_update_is_alpha_over_rank_times_the_product(source, getkey):
    transfer = lora(rank=2, alpha=6.0)
    trainable, kernels = transfer.init(source, getkey())
    trainable["up/kernel/up"] = normal(getkey(), (2, 7))
    params = transfer.params(trainable, kernels)
    down, up = np.asarray(trainable["up/kernel/down"]), np.asarray(trainable["up/kernel/up"])
    expected = np.asarray(source["up"]["kernel"]) + 6 / 2 * (down @ up).reshape(4, 4, 3, 7)
    np.testing.assert_allclose(params["up"]["kernel"], expected, rtol=1e-5)
    np.testing.assert_array_equal(params["dense"]["kernel"], source["dense"]["kernel"])


def test_an_update_has_the_rank(source, getkey):
    transfer = lora(rank=3)
    trainable, kernels = transfer.init(source, getkey())
    trainable["dense/kernel/up"] = normal(getkey(), (3, 10))
    update = transfer.params(trainable, kernels)["dense"]["kernel"] - source["dense"]["kernel"]
    assert np.linalg.matrix_rank(np.asarray(update), tol=1e-4) == 3


def test_gradients_reach_both_factors(source, getkey):
    transfer = lora(rank=2)
    trainable, kernels = transfer.init(source, getkey())
    trainable["dense/kernel/up"] += 1.0
    slopes = jax.grad(lambda tree: jnp.sum(transfer.params(tree, kernels)["dense"]["kernel"] ** 2))(trainable)
    assert float(jnp.abs(slopes["dense/kernel/down"]).max()) > 0
    assert float(jnp.abs(slopes["dense/kernel/up"]).max()) > 0


def test_a_kernel_that_it_would_not_make_smaller_is_trained_in_full(getkey):
    params = parameters(Generator(), jnp.zeros((1, 64)))
    trainable, kernels = jax.eval_shape(lora(rank=4).init, params, getkey())
    assert set(kernels) == {"stem/kernel", "up_8/kernel"}
    assert trainable["up_16/kernel"].shape == (4, 4, 64, 1)


def test_the_demos_generator_is_under_a_tenth(getkey):
    params = parameters(Generator(), jnp.zeros((1, 64)))
    trainable, _ = jax.eval_shape(lora(rank=4).init, params, getkey())
    assert count(trainable) < 0.09 * count(params)
    assert "stem/bias" in flatten(trainable)


@pytest.mark.parametrize(("rank", "message"), [(0, "rank 0 was asked for"), (50, "rank 50 makes no kernel smaller")])
def test_a_rank_that_cannot_be_is_an_error(rank, message, source, getkey):
    with pytest.raises(InputError, match=message):
        lora(rank=rank).init(source, getkey())


def test_what_is_kept_is_not_trained(getkey):
    source = {"table": jnp.ones((5, 8)), "layer": {"kernel": normal(getkey(), (8, 8)), "bias": jnp.ones(8)}}
    transfer = lora(rank=1, kept=("table",))
    trainable, context = transfer.init(source, getkey())
    assert set(trainable) == {"layer/kernel/down", "layer/kernel/up", "layer/bias"}
    moved = transfer.params(jax.tree.map(lambda leaf: leaf + 1, trainable), context)
    np.testing.assert_array_equal(moved["table"], source["table"])
    assert float(jnp.abs(moved["layer"]["kernel"] - source["layer"]["kernel"]).min()) > 0
