"""Decoding one token after the other: with the cache as without, guided or not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import uniform

from genjax.errors import InputError
from genjax.families.text_to_image.decoding.autoregressive import cached_steps, uncached_steps
from genjax.families.text_to_image.decoding.decoder import autoregressive_decoder
from genjax.families.text_to_image.decoding.guidance import guided_steps
from genjax.families.text_to_image.network_options import DecodingConfig

N, LENGTH = 3, 8


def path(steps, given, tokens):
    """Logits (n, length, v) of every token, along a path of tokens (n, length)."""

    def one(carry, inputs):
        logits, cache = carry
        return steps.advance(*inputs, cache), logits

    indices = jnp.arange(tokens.shape[1] - 1)
    (last, _), logits = jax.lax.scan(one, steps.begin(given, len(tokens)), (tokens[:, :-1].T, indices))
    return jnp.concatenate([logits, last[None]]).swapaxes(0, 1)


@pytest.fixture(scope="module")
def tokens():
    return jax.random.randint(jax.random.key(2), (N, LENGTH), 0, 6)


@pytest.mark.parametrize("weight", [None, 0.0, 1.0, 3.0])
def test_cached_logits_equal_uncached(causal, text, tokens, weight):
    transformer, params = causal
    found = []
    for make in (cached_steps, uncached_steps):
        steps = make(transformer, params, 1)
        steps = steps if weight is None else guided_steps(steps, (transformer.segments[0].absent,), weight)
        found.append(jax.jit(lambda given, tokens, steps=steps: path(steps, given, tokens))(text, tokens))
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)
    assert np.ptp(np.asarray(found[0])) > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("changes", [{}, {"top_k": 3, "temperature": 0.8}, {"temperature": 0.0}], ids=str)
def test_cached_tokens_equal_uncached(causal, text, guidance, changes):
    transformer, params = causal
    uniforms = uniform(jax.random.key(3), (N, LENGTH))
    decoding = DecodingConfig(guidance=guidance, **changes)
    found = [
        jax.jit(autoregressive_decoder(transformer, decoding, cached=cached).decode)(params, text, uniforms)
        for cached in (True, False)
    ]
    np.testing.assert_array_equal(*found)
    assert found[0].shape == (N, LENGTH)
    assert 0 <= int(found[0].min()) <= int(found[0].max()) < 6


def test_the_first_segment_is_decoded_from_nothing(causal):
    transformer, params = causal
    uniforms = uniform(jax.random.key(3), (N, 3))
    found = [
        jax.jit(autoregressive_decoder(transformer, DecodingConfig(), segment=0, cached=cached).decode)(
            params, (), uniforms
        )
        for cached in (True, False)
    ]
    np.testing.assert_array_equal(*found)


def test_draws_have_the_models_probabilities(causal, text):
    """The share of each first token among many draws is what the model says."""
    transformer, params = causal
    decode = jax.jit(autoregressive_decoder(transformer, DecodingConfig()).decode)
    given = tuple(jnp.repeat(part[:1], 4000, axis=0) for part in text)
    tokens = np.asarray(decode(params, given, uniform(jax.random.key(4), (4000, LENGTH))))
    logits, _ = cached_steps(transformer, params, 1).begin(tuple(part[:1] for part in text), 1)
    expected = np.asarray(jax.nn.softmax(logits[0]))
    shares = np.bincount(tokens[:, 0], minlength=6) / 4000
    assert (np.abs(shares - expected) < 4 * np.sqrt(expected * (1 - expected) / 4000) + 1e-6).all()


def test_an_image_does_not_depend_on_those_beside_it(causal, text):
    transformer, params = causal
    decode = jax.jit(autoregressive_decoder(transformer, DecodingConfig(guidance=2.0)).decode)
    uniforms = uniform(jax.random.key(5), (N, LENGTH))
    others = decode(params, tuple(part[::-1] for part in text), uniforms[::-1])[::-1]
    np.testing.assert_array_equal(decode(params, text, uniforms), others)


def test_more_likely_tokens_than_there_are_is_an_error(causal):
    with pytest.raises(InputError, match="the 7 likeliest of 6 tokens"):
        autoregressive_decoder(causal[0], DecodingConfig(top_k=7))
