"""Shots by name: these classes, and the rest of the set; what cannot be chosen is said."""

import numpy as np
import pytest

from genjax.data import Dataset
from genjax.data.named_shots import check_characters, rest_of, shots_named
from genjax.errors import InputError

IMAGES = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1)
LETTERS = Dataset("letters", "all", IMAGES, np.array([0, 1, 2, 1, 0], np.int32), ("A", "b", "3", "z"))


def test_shots_and_the_rest_are_all():
    shots, rest = shots_named(LETTERS, "3A"), rest_of(LETTERS, "3A")
    assert shots.images[:].ravel().tolist() == [0, 2, 4]
    assert rest.images[:].ravel().tolist() == [1, 3]


@pytest.mark.parametrize(
    ("characters", "line"),
    [
        ("Az", "--shots-of: letters has no image of 'z'. Its classes are 3, A, b."),
        ("Q", "--shots-of: letters has no image of 'Q'."),
    ],
)
def test_a_character_that_is_not_there_is_refused(characters, line):
    with pytest.raises(InputError) as error:
        shots_named(LETTERS, characters)
    assert str(error.value).startswith(line)


def test_nothing_left_is_refused():
    with pytest.raises(InputError, match="--shots-of names every class of letters"):
        rest_of(LETTERS, "Ab3")


@pytest.mark.parametrize(("characters", "what"), [("AbA", "'A' twice"), ("A b", "a space")])
def test_a_character_is_named_once(characters, what):
    with pytest.raises(InputError, match=what):
        check_characters(characters)
