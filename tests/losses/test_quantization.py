"""Nearest codes against brute force, gradients that pass them by, and how much of a codebook is in use."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal
from hypothesis import given, settings
from hypothesis import strategies as st

from genjax.losses.quantization import commitment, nearest_codes, perplexity, straight_through, usage

FEW = settings(max_examples=40, deadline=None, derandomize=True)


def test_the_nearest_code_is_that_of_brute_force(getkey):
    vectors, codebook = normal(getkey(), (3, 2, 5, 4)), normal(getkey(), (9, 4))
    distances = np.linalg.norm(np.asarray(vectors)[..., None, :] - np.asarray(codebook), axis=-1)
    found = nearest_codes(vectors, codebook)
    assert found.dtype == jnp.int32
    np.testing.assert_array_equal(found, distances.argmin(axis=-1))
    np.testing.assert_array_equal(nearest_codes(codebook, codebook), np.arange(9))


def test_the_gradient_passes_the_codes_by(getkey):
    vectors, codes = jax.random.normal(getkey(), (2, 3)), jax.random.normal(getkey(), (2, 3))
    np.testing.assert_allclose(straight_through(vectors, codes), codes, rtol=1e-6)
    weights = jnp.arange(6.0).reshape(2, 3)
    of_vectors, of_codes = jax.grad(lambda v, c: (weights * straight_through(v, c)).sum(), argnums=(0, 1))(
        vectors, codes
    )
    np.testing.assert_array_equal(of_vectors, weights)
    np.testing.assert_array_equal(of_codes, jnp.zeros((2, 3)))


def test_commitment_moves_the_vectors_alone(getkey):
    vectors, codes = normal(getkey(), (2, 3, 3, 4)), normal(getkey(), (2, 3, 3, 4))
    np.testing.assert_allclose(
        commitment(vectors, codes), np.square(np.asarray(vectors - codes)).sum(axis=(1, 2, 3)), rtol=1e-5
    )
    of_vectors, of_codes = jax.grad(lambda v, c: commitment(v, c).sum(), argnums=(0, 1))(vectors, codes)
    np.testing.assert_allclose(of_vectors, 2 * (vectors - codes), rtol=1e-5)
    np.testing.assert_array_equal(of_codes, jnp.zeros(codes.shape))


@pytest.mark.parametrize(
    ("counts", "used", "effective"),
    [
        ([5, 5, 5, 5], 1, 4),
        ([9, 0, 0, 0], 0.25, 1),
        ([3, 3, 0, 0], 0.5, 2),
        ([0, 0, 0, 0], 0, 0),
        ([1, 3], 1, 1.754765),
    ],
)
def test_usage_and_perplexity(counts, used, effective):
    counts = jnp.asarray(counts, jnp.int32)
    assert float(usage(counts)) == pytest.approx(used)
    assert float(perplexity(counts)) == pytest.approx(effective, rel=1e-5)


@FEW
@given(counts=st.lists(st.integers(0, 10**6), min_size=1, max_size=40).filter(any))
def test_perplexity_is_from_one_to_the_codes_in_use(counts):
    array = jnp.asarray(counts, jnp.int32)
    assert 1 - 1e-5 <= float(perplexity(array)) <= len(counts) * float(usage(array)) * (1 + 1e-5)
    assert float(perplexity(3 * array)) == pytest.approx(float(perplexity(array)), rel=1e-4)
