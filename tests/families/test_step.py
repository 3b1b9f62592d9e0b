"""The parts that all steps share: parts of a batch, the moving average, and the norms that every step reports."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genjax.families.step import averaged, averaged_with_rows, global_norm, in_parts, keys_of_parts, moving_average

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


def average_of(values, **settings):
    average = {"w": jnp.zeros(1)}
    for step, value in enumerate(values):
        average = moving_average(average, {"w": jnp.full(1, value)}, step=jnp.int32(step), **settings)
    return float(average["w"][0])


def test_half_is_left_after_the_half_life():
    """With the ramp out of the way, batches of 10 and a half-life of 40 images leave half after four steps."""
    start = moving_average({"w": jnp.ones(1)}, {"w": jnp.zeros(1)}, step=jnp.int32(10_000), batch=40, half_life=40.0)
    assert float(start["w"][0]) == pytest.approx(0.5)


def test_the_ramp_forgets_the_first_parameters():
    """While few images were seen, beta = .5 ** (batch / (.05 * seen)) forgets within a few steps."""
    assert average_of([1.0] * 5, batch=64, half_life=10_000.0) == pytest.approx(1, abs=1e-6)
    beta = 0.5 ** (64 / (0.05 * 64 * 3))
    expected = (1 - beta) * 3.0 + beta * average_of([1.0, 2.0], batch=64, half_life=10_000.0)
    assert average_of([1.0, 2.0, 3.0], batch=64, half_life=10_000.0) == pytest.approx(expected, rel=1e-5)


def test_a_half_life_of_zero_is_no_average():
    assert average_of([1.0, 5.0], batch=64, half_life=0) == 5.0


def test_the_norm_is_over_all_leaves():
    tree = {"a": jnp.asarray([3.0]), "b": {"c": jnp.asarray([[4.0, 12.0]])}}
    np.testing.assert_allclose(global_norm(tree), 13)
    assert float(global_norm({})) == 0
