"""Tiny transformers, built once."""

import jax
import jax.numpy as jnp
import pytest
from drawn import parameters

from genjax.models.segments import Segment
from genjax.models.transformer import Transformer
from genjax.tree import flatten, unflatten

TEXT, TOKENS = Segment("text", 3, 5), Segment("tokens", 8, 6, columns=4)
N = 3


def _transformer(**settings):
    transformer = Transformer((TEXT, TOKENS), width=16, depth=2, heads=2, **settings)
    examples = tuple(jnp.zeros((1, segment.length), jnp.int32) for segment in (TEXT, TOKENS))
    params = flatten(parameters(transformer, examples))
    # Larger heads than they are drawn, and than at the start of training: logits should differ, so that tokens do.
    larger = {name: leaf * (1.6 if name.startswith("head") else 1) for name, leaf in params.items()}
    return transformer, unflatten(larger)


@pytest.fixture(scope="package")
def causal():
    """(transformer, parameters)."""
    return _transformer()


@pytest.fixture(scope="package")
def masked():
    """(transformer, parameters)."""
    return _transformer(causal=False, given=1)


@pytest.fixture(scope="package")
def text():
    """Tokens of N captions."""
    return (jax.random.randint(jax.random.key(1), (N, TEXT.length), 0, TEXT.vocabulary),)
