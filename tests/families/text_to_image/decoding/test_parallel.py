"""Decoding in a few steps: everything is filled, and what is kept stays."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import uniform

from genjax.errors import InputError
from genjax.families.text_to_image.decoding.decoder import parallel_decoder
from genjax.families.text_to_image.decoding.filters import make_filter
from genjax.families.text_to_image.decoding.masking import cosine_schedule
from genjax.families.text_to_image.decoding.parallel import Infill, decode_in_parallel
from genjax.families.text_to_image.network_options import DecodingConfig

LENGTH, VOCABULARY = 8, 6
ABSENT = VOCABULARY


def recording():
    """A model that remembers what it was asked, whose logits are of the place alone; the second is sure of itself."""
    asked = []

    def logits(tokens, context):
        jax.debug.callback(lambda value: asked.append(np.asarray(value)), tokens, ordered=True)
        table = 3 * jax.random.normal(jax.random.key(9), (LENGTH, VOCABULARY))
        return jnp.broadcast_to(table, (len(tokens), LENGTH, VOCABULARY))

    return Infill(lambda given: None, logits), asked


def decode(infill, tokens, *, steps=4, key=0, **settings):
    uniforms = uniform(jax.random.key(key), (len(tokens), steps, 2, LENGTH))
    filtered = make_filter(VOCABULARY)
    made = decode_in_parallel(infill, (), tokens, uniforms, absent=ABSENT, filtered=filtered, **settings)
    jax.effects_barrier()
    return np.asarray(made)


@pytest.mark.parametrize("steps", [1, 3, 8])
def test_every_place_is_filled_and_what_is_kept_never_changes(steps):
    infill, asked = recording()
    made = decode(infill, jnp.full((5, LENGTH), ABSENT), steps=steps)
    assert 0 <= made.min() <= made.max() < VOCABULARY
    history = [*asked, made]
    assert len(asked) == steps
    for before, after in itertools.pairwise(history):
        known = before != ABSENT
        np.testing.assert_array_equal(after[known], before[known])
    left = [int((tokens == ABSENT).sum(axis=1).max()) for tokens in history[1:]]
    assert left == cosine_schedule(LENGTH, steps)[:, LENGTH].tolist()


def test_what_is_there_at_first_stays():
    infill, _ = recording()
    tokens = np.full((4, LENGTH), ABSENT)
    for row in range(4):
        tokens[row, : 2 * row] = row
    made = decode(infill, jnp.asarray(tokens))
    assert (made < VOCABULARY).all()
    np.testing.assert_array_equal(made[tokens != ABSENT], tokens[tokens != ABSENT])


def test_without_noise_the_surest_are_kept_first():
    table = jnp.zeros((LENGTH, VOCABULARY)).at[:, 0].set(jnp.arange(LENGTH) * 2.0)
    infill = Infill(lambda given: None, lambda tokens, context: jnp.broadcast_to(table, (len(tokens), *table.shape)))
    uniforms = jnp.zeros((1, 3, 2, LENGTH))
    history = []

    def watched(tokens, context):
        jax.debug.callback(lambda value: history.append(np.asarray(value)), tokens, ordered=True)
        return infill.logits(tokens, context)

    decode_in_parallel(
        Infill(infill.begin, watched),
        (),
        jnp.full((1, LENGTH), ABSENT),
        uniforms,
        absent=ABSENT,
        filtered=make_filter(VOCABULARY, temperature=0.0),
        choice_temperature=0.0,
    )
    jax.effects_barrier()
    for tokens, left in zip(history[1:], cosine_schedule(LENGTH, 3)[:, LENGTH], strict=False):
        assert (tokens[0] == ABSENT).tolist() == [True] * int(left) + [False] * (LENGTH - int(left))


def test_noise_changes_what_is_kept_first():
    def second(choice_temperature):
        infill, asked = recording()
        decode(infill, jnp.full((64, LENGTH), ABSENT), choice_temperature=choice_temperature)
        return (asked[1] != ABSENT).mean(axis=0)

    plain, noisy = second(0.0), second(100.0)
    assert np.ptp(noisy) < np.ptp(plain)


def test_numbers_of_zero_do_no_harm():
    infill, _ = recording()
    uniforms = jnp.zeros((2, 3, 2, LENGTH))
    made = decode_in_parallel(
        infill,
        (),
        jnp.full((2, LENGTH), ABSENT),
        uniforms,
        absent=ABSENT,
        filtered=make_filter(VOCABULARY),
    )
    assert int(made.max()) < VOCABULARY


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_a_transformer_decodes_in_parallel(masked, text, guidance):
    transformer, params = masked
    decoder = parallel_decoder(transformer, DecodingConfig(steps=4, guidance=guidance))
    assert decoder.uniforms == 4 * 2 * LENGTH
    uniforms = uniform(jax.random.key(0), (3, decoder.uniforms))
    made = np.asarray(jax.jit(decoder.decode)(params, text, uniforms))
    assert made.shape == (3, LENGTH)
    assert 0 <= made.min() <= made.max() < VOCABULARY


def test_more_steps_than_tokens_is_an_error(masked):
    with pytest.raises(InputError, match="9 steps to decode 8 tokens were asked for"):
        parallel_decoder(masked[0], DecodingConfig(steps=9))


def test_more_likely_tokens_than_there_are_is_an_error(masked):
    with pytest.raises(InputError, match="the 7 likeliest of 6 tokens"):
        parallel_decoder(masked[0], DecodingConfig(top_k=7))
