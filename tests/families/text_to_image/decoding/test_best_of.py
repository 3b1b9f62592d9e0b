"""Best of several, by score."""

import jax.numpy as jnp
import numpy as np
from drawn import normal

from genjax.families.text_to_image.decoding.decoder import best_of, repeated


def test_the_best_of_each_condition_is_picked(getkey):
    made, scores = normal(getkey(), (12, 2, 2)), normal(getkey(), (12,))
    found = best_of(made, scores, 4)
    for row in range(3):
        expected = made[4 * row + int(np.argmax(np.asarray(scores)[4 * row : 4 * row + 4]))]
        np.testing.assert_array_equal(found[row], expected)


def test_candidates_lie_in_a_row():
    conditions = jnp.asarray([[1, 2], [3, 4]])
    assert repeated(conditions, 3).tolist() == [[1, 2]] * 3 + [[3, 4]] * 3
    scores = jnp.asarray([0.0, 2.0, 1.0, 5.0, 4.0, 3.0])
    assert best_of(jnp.arange(6), scores, 3).tolist() == [1, 3]


def test_the_first_among_equals_and_never_one_without_a_score():
    scores = jnp.asarray([1.0, 1.0, jnp.nan, -5.0])
    assert best_of(jnp.arange(4), scores, 2).tolist() == [0, 3]
