"""What holds for every transfer and for chains of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal

from genjax.errors import InputError
from genjax.transfer import TRANSFERS, Transfer, chain, freeze, full, lora
from genjax.tree import count, flatten

EVERY = {
    "full": full(),
    "freeze": freeze(["stem/*"]),
    "lora": lora(rank=2),
    "freeze,lora": chain(freeze(["stem/*"]), lora(rank=2)),
    "lora,freeze": chain(lora(rank=2), freeze(["*/bias"])),
}


@pytest.fixture
def source(getkey):
    return {
        "stem": {"kernel": normal(getkey(), (8, 32)), "bias": jnp.ones(32)},
        "up_8": {"kernel": normal(getkey(), (4, 4, 6, 5)), "bias": jnp.zeros(5)},
        "up_16": {"kernel": normal(getkey(), (4, 4, 5, 1)), "bias": jnp.zeros(1)},
    }


def moved(trainable):
    """The trainable tree after a step that moves everything."""
    return jax.tree.map(lambda leaf: leaf + 0.1, trainable)


@pytest.mark.parametrize("name", EVERY)
def test_the_source_is_reproduced_exactly_at_the_start(name, source, getkey):
    params = EVERY[name].params(*EVERY[name].init(source, getkey()))
    assert jax.tree.structure(params) == jax.tree.structure(source)
    jax.tree.map(np.testing.assert_array_equal, params, source)


@pytest.mark.parametrize("name", EVERY)
def test_latents_stay_and_the_penalty_is_zero(name, source, getkey):
    trainable, context = EVERY[name].init(source, getkey())
    latents = normal(getkey(), (3, 8))
    np.testing.assert_array_equal(EVERY[name].latents(trainable, context, latents), latents)
    assert float(EVERY[name].penalty(trainable, context, getkey(), lambda params, z: (z, ()))) == 0


def test_full_trains_everything(source, getkey):
    trainable, context = full().init(source, getkey())
    assert count(trainable) == count(source)
    assert jax.tree.leaves(context) == []


def test_a_chain_takes_what_the_one_before_leaves(source, getkey):
    both = chain(freeze(["stem/*"]), lora(rank=2))
    trainable, context = both.init(source, getkey())
    assert set(flatten(trainable)) == {
        *("up_8/kernel/down", "up_8/kernel/up", "up_8/bias"),
        *("up_16/kernel", "up_16/bias"),
    }
    params = flatten(both.params(moved(trainable), context))
    unmoved = {name for name, leaf in flatten(source).items() if bool(jnp.all(leaf == params[name]))}
    assert unmoved == {"stem/kernel", "stem/bias"}


def test_a_chain_adds_penalties_and_composes_latents(source, getkey):
    def shift(by):
        return Transfer(
            full().init,
            full().params,
            latents=lambda trainable, context, latents: 2 * latents + by,
            penalty=lambda trainable, context, key, forward: jnp.float32(by),
        )

    both = chain(shift(1.0), shift(3.0))
    trainable, context = both.init(source, getkey())
    assert float(both.penalty(trainable, context, getkey(), lambda params, z: (z, ()))) == 4
    assert float(both.latents(trainable, context, jnp.zeros((1, 1)))[0, 0]) == 2 * 3 + 1  # the last one first


def test_the_listed_names_are_those_of_the_command_line():
    assert {"full", "freeze", "lora"} <= set(TRANSFERS)


@pytest.mark.parametrize("transfer", [freeze(["stam/*"]), lora(patterns=["stam/*"])])
def test_a_pattern_that_matches_nothing_is_an_error(transfer, source, getkey):
    with pytest.raises(InputError, match=r"pattern 'stam/\*' matches no parameter"):
        transfer.init(source, getkey())
