"""Classifier-free guidance: its ends, its line, and the branch without a condition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal

from genjax.families.text_to_image.decoding.autoregressive import Steps, cached_steps
from genjax.families.text_to_image.decoding.guidance import combine, guided_infill, guided_steps
from genjax.families.text_to_image.decoding.parallel import Infill, infill_of


def test_the_ends_are_exact_and_the_rest_is_a_line(getkey):
    conditional, null = 10 * normal(getkey(), (2, 4, 9))
    np.testing.assert_array_equal(combine(conditional, null, 1.0), conditional)
    np.testing.assert_array_equal(combine(conditional, null, 0.0), null)
    np.testing.assert_allclose(combine(conditional, null, 3.0), null + 3 * (conditional - null), rtol=1e-4)


@pytest.fixture
def steps(causal):
    """The steps of a transformer, compiled: without guidance each branch is asked for alone."""
    transformer, params = causal
    plain = cached_steps(transformer, params, 1)
    return Steps(jax.jit(plain.begin, static_argnums=1), jax.jit(plain.advance))


@pytest.fixture
def absent(causal):
    return (causal[0].segments[0].absent,)


def test_weight_one_is_the_condition_and_zero_is_none(steps, absent, text):
    nothing = tuple(jnp.full_like(part, token) for part, token in zip(text, absent, strict=True))
    token, index = jnp.asarray([0, 3, 5]), jnp.int32(0)
    for weight, given in ((1.0, text), (0.0, nothing)):
        guided = guided_steps(steps, absent, weight)
        expected, cache = steps.begin(given, 3)
        found, double = guided.begin(text, 3)
        np.testing.assert_allclose(found, expected, atol=1e-6)
        expected, found = steps.advance(token, index, cache)[0], guided.advance(token, index, double)[0]
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_condition_matters(steps, absent, text):
    none, whole = (guided_steps(steps, absent, weight).begin(text, 3)[0] for weight in (0.0, 1.0))
    assert float(jnp.abs(whole - none).max()) > 0.1
    np.testing.assert_allclose(none, jnp.broadcast_to(none[:1], none.shape), atol=1e-6)


def test_infilling_is_guided_the_same_way(masked, absent, text):
    transformer, params = masked
    infill = Infill(*map(jax.jit, infill_of(transformer, params)))
    tokens = jnp.full((3, 8), transformer.segments[1].absent)
    nothing = tuple(jnp.full_like(part, absent[0]) for part in text)
    conditional = infill.logits(tokens, infill.begin(text))
    null = infill.logits(tokens, infill.begin(nothing))
    for weight in (0.0, 1.0, 2.5):
        guided = guided_infill(infill, absent, weight)
        found = guided.logits(tokens, guided.begin(text))
        np.testing.assert_allclose(found, combine(conditional, null, weight), atol=2e-5)
