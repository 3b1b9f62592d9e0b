"""InfoNCE against closed forms and numpy."""

import jax
import jax.numpy as jnp
import numpy as np
from drawn import normal

from genjax.losses.contrastive import info_nce, same_rows

N = 6
OWN = jnp.eye(N, dtype=bool)


def test_similarities_that_tell_nothing_cost_the_log_of_the_batch():
    np.testing.assert_allclose(info_nce(jnp.full((N, N), 3.0), OWN), np.full(N, np.log(N)), rtol=1e-6)


def test_of_orthogonal_pairs_it_is_a_closed_form():
    """With similarity 1 on the diagonal and 0 elsewhere: log(1 + (n - 1) exp(-scale))."""
    for scale in (1.0, 5.0, 14.3):
        expected = np.log1p((N - 1) * np.exp(-scale))
        np.testing.assert_allclose(info_nce(scale * jnp.eye(N), OWN), np.full(N, expected), rtol=1e-5, atol=1e-6)


def test_it_is_the_mean_of_both_directions(getkey):
    logits = np.asarray(3 * normal(getkey(), (N, N)), np.float64)
    rows = np.log(np.exp(logits).sum(axis=1)) - np.diag(logits)
    columns = np.log(np.exp(logits).sum(axis=0)) - np.diag(logits)
    np.testing.assert_allclose(info_nce(jnp.asarray(logits), OWN), (rows + columns) / 2, rtol=1e-5)


def test_images_and_texts_may_be_exchanged(getkey):
    logits = normal(getkey(), (N, N))
    np.testing.assert_allclose(info_nce(logits, OWN), info_nce(logits.T, OWN), rtol=1e-6)


def test_texts_that_are_equal_share_the_target():
    """Two pairs of two equal texts: the best that can be is to find either, log 2."""
    alike = same_rows(jnp.asarray([[1, 2], [3, 4], [1, 2], [3, 4]]))
    np.testing.assert_array_equal(alike, np.tile(np.eye(2, dtype=bool), (2, 2)))
    np.testing.assert_allclose(info_nce(50.0 * alike, alike), np.full(4, np.log(2)), rtol=1e-5)
    slope = jax.grad(lambda logits: info_nce(logits, alike).sum())(50.0 * alike)
    np.testing.assert_allclose(slope, np.zeros((4, 4)), atol=1e-6)


def test_equal_texts_are_no_wrong_answers(getkey):
    """A row with an equal text that is as near as its own costs less than if that were wrong."""
    alike = same_rows(jnp.asarray([[1], [1], [2]]))
    logits = 5.0 * alike
    assert (np.asarray(info_nce(logits, alike)) <= np.asarray(info_nce(logits, jnp.eye(3, dtype=bool))) + 1e-6).all()
