"""Temperature, top-k, nucleus and the draw against numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal, uniform
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genjax.errors import InputError
from genjax.families.text_to_image.decoding.filters import draw, keep_top_k, keep_top_p, likeliest, make_filter

LOGITS = arrays(np.float32, (3, 7), elements=st.floats(-8, 8, width=16))


def left(logits):
    return np.isfinite(np.asarray(logits))


@given(LOGITS, st.integers(1, 7))
@settings(deadline=None)
def test_top_k_leaves_what_is_no_less_likely_than_the_kth(logits, k):
    found = np.asarray(keep_top_k(jnp.asarray(logits), k))
    kth = np.sort(logits, axis=1)[:, -k][:, None]
    np.testing.assert_array_equal(found, np.where(logits >= kth, logits, -np.inf))
    assert (left(found).sum(axis=1) >= k).all()


@given(LOGITS, st.sampled_from([0.05, 0.3, 0.5, 0.75, 0.9, 0.99]))
@settings(deadline=None)
def test_the_nucleus_is_the_smallest_set_that_is_probable_enough(logits, p):
    found = np.asarray(keep_top_p(jnp.asarray(logits), p))
    for row, kept in zip(logits.astype(np.float64), found, strict=True):
        odds = np.exp(row - row.max())
        falling = np.sort(odds / odds.sum())[::-1]
        before = np.cumsum(falling) - falling
        if np.abs(before - p).min() < 1e-5:
            continue  # on the edge rounding decides
        smallest = (before < p).sum()
        lowest = np.sort(row)[::-1][smallest - 1]
        np.testing.assert_array_equal(np.isfinite(kept), row >= lowest)
        np.testing.assert_array_equal(kept[np.isfinite(kept)], row[row >= lowest].astype(np.float32))


def test_a_known_nucleus():
    logits = jnp.log(jnp.asarray([[0.5, 0.25, 0.15, 0.1]]))
    for p, number in ((0.4, 1), (0.6, 2), (0.8, 3), (0.95, 4)):
        assert left(keep_top_p(logits, p)).tolist() == [[True] * number + [False] * (4 - number)]


def test_temperature_divides_the_logits(getkey):
    logits = normal(getkey(), (3, 7))
    np.testing.assert_array_equal(make_filter(7, temperature=0.5)(logits), logits / 0.5)
    np.testing.assert_array_equal(make_filter(7)(logits), logits)


def test_temperature_zero_leaves_one_token_even_among_equals():
    logits = jnp.asarray([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    assert left(make_filter(3, temperature=0.0)(logits)).tolist() == [[False, True, False], [True, False, False]]
    assert left(likeliest(logits)).sum() == 2


def test_filters_come_in_the_order_temperature_k_nucleus(getkey):
    logits = normal(getkey(), (5, 20))
    expected = keep_top_p(keep_top_k(logits / 0.7, 5), 0.8)
    np.testing.assert_array_equal(make_filter(20, temperature=0.7, top_k=5, top_p=0.8)(logits), expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"top_k": 8}, "the 8 likeliest of 7 tokens were asked for. Use 1 to 7, or 0."),
        ({"top_k": -1}, "the -1 likeliest"),
        ({"top_p": 0.0}, r"a nucleus of probability 0.0 was asked for"),
        ({"top_p": 1.1}, r"a nucleus of probability 1.1"),
        ({"temperature": -1.0}, r"a temperature of -1.0 was given"),
        ({"temperature": float("nan")}, r"a temperature of nan"),
    ],
)
def test_settings_that_cannot_be_are_errors(changes, message):
    with pytest.raises(InputError, match=message):
        make_filter(7, **changes)


@given(LOGITS, arrays(np.float32, 3, elements=st.floats(0, 0.9999998807907104, width=32)))
@settings(deadline=None)
def test_a_draw_is_the_inverse_of_the_cumulative_distribution(logits, numbers):
    found = np.asarray(draw(jnp.asarray(logits), jnp.asarray(numbers)))
    for row, number, token in zip(logits.astype(np.float64), numbers.astype(np.float64), found, strict=True):
        cumulative = np.cumsum(np.exp(row - row.max()))
        edges = np.concatenate([[0], cumulative / cumulative[-1]])
        assert edges[token] - 1e-6 <= number <= edges[token + 1] + 1e-6


@given(LOGITS, st.sampled_from([0.0, 0.25, 0.5, 0.9999998807907104]), st.integers(0, 6))
@settings(deadline=None)
def test_what_is_filtered_out_is_never_drawn(logits, number, only):
    logits[:, np.arange(7) != only] = -np.inf
    assert np.asarray(draw(jnp.asarray(logits), jnp.full(3, np.float32(number)))).tolist() == [only] * 3


def test_of_many_tokens_too_none_that_is_filtered_out_is_drawn(getkey):
    """A parallel sum may round equal prefixes differently; tested at the numbers where this decides."""
    logits = keep_top_k(2 * normal(getkey(), (1024,)), 50)
    weights = jnp.exp(logits - logits.max())
    edges = np.asarray(jnp.cumsum(weights) / weights.sum())
    steps = np.unique(np.clip(np.round(edges * 2**23)[:, None] + np.arange(-3, 4), 0, 2**23 - 1))
    numbers = jnp.asarray(steps / 2**23, jnp.float32)
    drawn = jax.jit(draw)(jnp.broadcast_to(logits, (len(numbers), 1024)), numbers)
    assert np.isfinite(np.asarray(logits)[np.asarray(drawn)]).all()


def test_draws_have_the_probabilities(getkey):
    probabilities = np.asarray([0.1, 0.2, 0.3, 0.4])
    tokens = draw(jnp.broadcast_to(jnp.log(probabilities), (20_000, 4)), uniform(getkey(), (20_000,)))
    shares = np.bincount(np.asarray(tokens), minlength=4) / 20_000
    assert (np.abs(shares - probabilities) < 4 * np.sqrt(probabilities * (1 - probabilities) / 20_000)).all()
