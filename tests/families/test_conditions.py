"""Conditions: what a set has, what a model knows, and what is refused."""

import numpy as np
import pytest

from genjax.data import Dataset
from genjax.errors import InputError
from genjax.families.conditions import (
    absent,
    class_condition,
    classes_in_turn,
    column_of,
    example_column,
    numbers_of,
    of_classes,
    said_of,
    shown_of,
    text_condition,
)
from genjax.families.model import NO_CONDITION

IMAGES = np.zeros((3, 16, 16, 1), np.uint8)
BIRDS = Dataset("folder:birds", "train", IMAGES, np.array([1, 0, 1], np.int32), ("owl", "tit"))
TEXTS = Dataset("glyphs:captioned", "train", IMAGES, captions=("a red A", "a blue B", "a red B"))


def test_classes_are_found_by_name_whatever_their_numbers_are():
    other = Dataset("folder:other", "train", IMAGES[:1], np.array([0], np.int32), ("tit",))
    condition = class_condition(BIRDS)
    assert condition.names == ("owl", "tit")
    np.testing.assert_array_equal(column_of(condition, BIRDS)["label"], [1, 0, 1])
    np.testing.assert_array_equal(column_of(condition, other)["label"], [1])
    assert said_of(condition, other) == ["tit"]
    assert absent(condition) == 2


def test_a_class_that_is_not_there_is_refused_by_name():
    condition = class_condition(BIRDS)
    with pytest.raises(InputError, match=r"unknown class 'tits'. Did you mean 'tit'"):
        numbers_of(condition, ["tits"])
    cats = Dataset("folder:cats", "train", IMAGES[:1], np.array([0], np.int32), ("cat",))
    with pytest.raises(
        InputError, match="folder:cats has classes that the model does not know: cat; it knows owl, tit"
    ):
        column_of(condition, cats)
    assert said_of(condition, cats) == []


def test_a_set_without_classes_is_refused():
    plain = Dataset("folder:plain", "train", IMAGES)
    with pytest.raises(InputError, match="--condition class: folder:plain has no classes"):
        class_condition(plain)
    with pytest.raises(InputError, match="folder:plain has no classes, and the model is trained by class"):
        column_of(class_condition(BIRDS), plain)
    assert said_of(class_condition(BIRDS), plain) is None


def test_texts_become_tokens_and_none_of_them_a_token_of_its_own():
    condition = text_condition(TEXTS)
    tokens = column_of(condition, TEXTS)["text"]
    assert tokens.shape == (3, 3)
    nothing = np.asarray(absent(condition))
    assert nothing.shape == (3,)
    assert (nothing > tokens.max()).all()


def test_images_are_asked_for_in_turn_or_as_a_set_shows_them():
    condition = class_condition(BIRDS)
    assert classes_in_turn(condition, 5) == ["owl", "tit", "owl", "tit", "owl"]
    np.testing.assert_array_equal(shown_of(condition, BIRDS, 5), [1, 0, 1, 1, 0])
    assert shown_of(NO_CONDITION, BIRDS, 5) is None
    np.testing.assert_array_equal(example_column(condition)["label"], [0])
    assert example_column(NO_CONDITION) == {}


def test_of_a_set_the_images_of_known_classes_are_taken():
    images, classes = of_classes(BIRDS, ["tit", "wren"])
    assert (len(images), classes) == (2, ["tit", "tit"])
    assert of_classes(Dataset("folder:plain", "train", IMAGES), ["tit"])[1] == []


def test_nothing_is_needed_without_a_condition():
    assert column_of(NO_CONDITION, BIRDS) == {}
    assert said_of(NO_CONDITION, BIRDS) is None
    assert absent(NO_CONDITION) is None
