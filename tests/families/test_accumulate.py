"""A batch in parts: the order of its rows, and the update of the whole batch where the loss is a mean over images."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import tiny_gan, tiny_vae

from genjax.families.accumulate import averaged, averaged_with_rows, in_parts, keys_of_parts

RNG = np.random.default_rng(0)


@st.composite
def batches_in_parts(draw):
    """Parts of a batch, (parts, n, ...), in float64."""
    shape = draw(st.tuples(*[st.integers(1, 4)] * draw(st.integers(2, 4))))
    return np.random.default_rng(draw(st.integers(0, 1000))).normal(size=shape)


@settings(deadline=None, max_examples=40)
@given(
    shape=st.lists(st.integers(1, 3), min_size=0, max_size=3),
    parts=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    rows=st.integers(1, 3),
    leading=st.booleans(),
)
def test_in_parts_keeps_the_order_of_rows(shape, parts, rows, leading):
    """As numpy lists the rows, one after the other; the same where they come with axes of parts already."""
    number = rows * int(np.prod(parts))
    flat = np.arange(number * int(np.prod(shape))).reshape(number, *shape)
    given_rows = flat.reshape(*parts[:1], -1, *shape) if leading else flat
    found = np.asarray(in_parts(jnp.asarray(given_rows), len(shape), *parts))
    assert found.shape == (*parts, rows, *shape)
    for place, row in enumerate(flat):
        np.testing.assert_array_equal(found[np.unravel_index(place, (*parts, rows))], row)


def test_rows_that_do_not_divide_into_parts_are_refused():
    with pytest.raises(TypeError, match="reshape"):
        in_parts(jnp.zeros((7, 2)), 1, 2)


def test_the_average_over_parts_is_the_mean_over_all():
    values = jnp.asarray(RNG.normal(size=(4, 3, 2)), jnp.float32)
    found = jax.jit(averaged(lambda part: {"mean": part.mean(0), "square": (part**2).mean()}, 4))(values)
    np.testing.assert_allclose(found["mean"], values.reshape(12, 2).mean(0), rtol=1e-6)
    np.testing.assert_allclose(found["square"], (values**2).mean(), rtol=1e-6)


@settings(deadline=None, max_examples=10)
@given(values=batches_in_parts())
def test_rows_of_all_parts_are_put_together_in_order(values):
    """The first result is averaged, and the rows of the second stand as they stood in the batch: against numpy."""

    def function(part, scale):
        squared = part**2
        return {"mean": part.mean(), "square": squared.mean(axis=0)}, {"row": scale * part, "sum": part.sum(axis=-1)}

    parts, n, *shape = values.shape
    both = np.float32(values), np.arange(1.0, parts + 1, dtype=np.float32)
    mean, rows = averaged_with_rows(function, parts)(*map(jnp.asarray, both))
    whole = values.reshape(-1, *shape)
    np.testing.assert_allclose(mean["mean"], whole.mean(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(mean["square"], (whole**2).mean(axis=0), rtol=1e-4, atol=1e-6)
    scales = np.repeat(np.arange(1.0, parts + 1), n)
    np.testing.assert_allclose(rows["row"], scales.reshape(-1, *[1] * len(shape)) * whole, rtol=1e-5)
    np.testing.assert_allclose(rows["sum"], whole.sum(axis=-1) if shape else np.float32(values).sum(-1), rtol=1e-3)


@pytest.mark.parametrize(
    "make", [averaged, lambda function, parts: averaged_with_rows(lambda x: (function(x), x), parts)]
)
def test_one_part_is_computed_as_without_parts(make):
    values = jnp.asarray(RNG.normal(size=(1, 3)), jnp.float32)
    assert "scan" not in str(jax.make_jaxpr(make(lambda part: part.sum(), 1))(values))
    assert "scan" in str(jax.make_jaxpr(make(lambda part: part.sum(), 3))(values.T))


def test_a_batch_in_one_part_keeps_its_key_and_parts_have_keys_of_their_own():
    key = jax.random.key(3)
    np.testing.assert_array_equal(jax.random.key_data(keys_of_parts(key, 1)[0]), jax.random.key_data(key))
    several = np.asarray(jax.random.key_data(keys_of_parts(key, 4)))
    assert len(np.unique(several, axis=0)) == 4


def updates(make, batch, **settings):
    """What a step of plain gradient descent moves, for a batch as a whole and in four parts."""
    found = []
    for parts in (1, 4):
        learner = make(controller=None, accumulate=parts, **settings)
        state = jax.jit(learner.init)(jax.random.key(0), batch)
        after, metrics = jax.jit(learner.step)(state, batch)
        found.append((jax.tree.map(jnp.subtract, after.trainable, state.trainable), metrics))
    return found


def close(whole, parts):
    for left, right in zip(jax.tree.leaves(whole[0]), jax.tree.leaves(parts[0]), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-5)
    for name, value in whole[1].items():
        np.testing.assert_allclose(parts[1][name], value, rtol=1e-3, atol=1e-4, err_msg=name)


def test_a_vae_moves_alike_whole_and_in_parts():
    batch = {"image": RNG.integers(0, 256, (16, 16, 16, 1), dtype=np.uint8)}
    close(*updates(tiny_vae, batch, optimizer=optax.sgd(1e-4)))


@pytest.mark.slow
def test_a_gan_moves_alike_whole_and_in_parts():
    """The critic compares neighbours in fours, which are together in a part as well."""
    batch = {"image": RNG.integers(0, 256, (16, 16, 16, 1), dtype=np.uint8)}
    sgd = {"optimizer": optax.sgd(1e-2), "critic_optimizer": optax.sgd(1e-2)}
    close(*updates(tiny_gan, batch, augment=None, **sgd))
