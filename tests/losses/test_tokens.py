"""Cross-entropies of tokens against numpy and closed forms."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal, uniform

from genjax.losses.tokens import masked_nats, token_nats, weighted_nats


def test_nats_are_the_negative_log_of_the_softmax(getkey):
    logits = 5 * normal(getkey(), (3, 4, 6))
    tokens = jax.random.randint(getkey(), (3, 4), 0, 6)
    odds = np.exp(np.asarray(logits, np.float64))
    expected = -np.log(np.take_along_axis(odds, np.asarray(tokens)[..., None], -1)[..., 0] / odds.sum(-1))
    np.testing.assert_allclose(token_nats(logits, tokens), expected, rtol=1e-5, atol=1e-6)


def test_a_uniform_guess_costs_the_log_of_the_vocabulary():
    np.testing.assert_allclose(token_nats(jnp.zeros((2, 5, 512)), jnp.zeros((2, 5), jnp.int32)), np.log(512), rtol=1e-6)


def test_extreme_logits_are_finite():
    logits = jnp.asarray([[[1e4, -1e4, 0.0]]])
    for token, expected in ((0, 0.0), (1, 2e4), (2, 1e4)):
        np.testing.assert_allclose(token_nats(logits, jnp.full((1, 1), token)), [[expected]], rtol=1e-6)


def test_the_slope_is_probability_less_one_at_the_token(getkey):
    logits, tokens = normal(getkey(), (2, 3, 4)), jax.random.randint(getkey(), (2, 3), 0, 4)
    slope = jax.grad(lambda logits: token_nats(logits, tokens).sum())(logits)
    np.testing.assert_allclose(slope, jax.nn.softmax(logits) - jax.nn.one_hot(tokens, 4), atol=1e-6)


def test_text_to_image_is_one_to_seven_by_default():
    text, image = jnp.full((3, 16), 2.0), jnp.full((3, 64), 5.0)
    np.testing.assert_allclose(weighted_nats(text, image), np.full(3, (2 + 7 * 5) / 8), rtol=1e-6)
    np.testing.assert_allclose(weighted_nats(text, image, condition_weight=0.0), np.full(3, 5.0), rtol=1e-6)


def test_weighted_nats_are_one_value_per_image(getkey):
    text, image = uniform(getkey(), (4, 3)), uniform(getkey(), (4, 5))
    for row in range(4):
        np.testing.assert_allclose(
            weighted_nats(text, image)[row], text[row].mean() / 8 + image[row].mean() * 7 / 8, rtol=1e-6
        )


def test_masked_nats_are_the_sum_over_what_was_hidden(getkey):
    nats, hidden = uniform(getkey(), (4, 6)), jax.random.bernoulli(getkey(), 0.5, (4, 6))
    expected = [np.asarray(row)[np.asarray(mask)].sum() for row, mask in zip(nats, hidden, strict=True)]
    np.testing.assert_allclose(masked_nats(nats, hidden), expected, rtol=1e-6)


def test_unequal_shapes_are_an_error():
    unchecked = inspect.unwrap(token_nats)  # the tests' type checker would speak first
    with pytest.raises(ValueError, match="shapes differ"):
        unchecked(jnp.zeros((2, 3, 4)), jnp.zeros((2, 1), jnp.int32))
