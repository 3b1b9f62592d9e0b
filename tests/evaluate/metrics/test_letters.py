"""Measures of letters against the truth, on images whose distances are known."""

import numpy as np
import pytest

from genjax.evaluate.metrics.letters import alike, copies, nearest_face, right_letters, shifted_distance, style_rank

RANDOM = np.random.default_rng(0)


def letters(n):
    """Images of noise with an empty border of one pixel."""
    images = np.zeros((n, 8, 8, 1), np.uint8)
    images[:, 1:-1, 1:-1] = RANDOM.integers(0, 256, (n, 6, 6, 1))
    return images


@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (-1, 1), (0, -1)])
def test_a_shift_by_a_pixel_costs_nothing(shift):
    truth = letters(5)
    np.testing.assert_array_equal(shifted_distance(np.roll(truth, shift, (1, 2)), truth), 0)


def test_the_distance_is_the_mean_difference_of_pixels():
    truth = np.full((1, 8, 8, 1), 100, np.uint8)
    images = truth.copy()
    images[0, 3, 3] = 228
    np.testing.assert_allclose(shifted_distance(images, truth), 128 / 64)
    np.testing.assert_allclose(shifted_distance(truth, images), 128 / 64)


def test_characters_that_look_alike_are_one():
    assert {alike(char) for char in "0Oo"} == {"o"}
    assert {alike(char) for char in "1IilL"} == {"l"}
    assert alike("Q") == alike("q") != alike("g")
    right = right_letters(np.array([0, 1, 2, 3]), np.array([1, 0, 3, 2]), "Oo8B")
    np.testing.assert_array_equal(right, [True, True, False, False])


def test_the_rank_counts_the_fonts_that_are_nearer():
    drawn, true = np.zeros((3, 2)), np.full((3, 2), 2.0)
    others = np.stack([np.full((3, 2), value) for value in (1.0, -1.5, 3.0, 5.0)])
    assert style_rank(drawn, true, others) == 3
    assert style_rank(true, true, others) == 1


def test_a_copy_is_far_nearer_to_one_shot_than_to_the_others():
    shots = np.array([0, 100, 200], np.uint8).reshape(3, 1, 1, 1)
    images = np.array([10, 24, 26, 60, 199, 101], np.uint8).reshape(-1, 1, 1, 1)
    np.testing.assert_array_equal(copies(images, shots), [True, True, False, False, True, True])


def test_retrieval_finds_the_face_that_draws_the_shots():
    faces = np.stack([letters(4) for _ in range(6)])
    assert nearest_face(np.roll(faces[3], 1, axis=1), faces) == 3
