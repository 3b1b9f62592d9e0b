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
    with_new_styles,
)
from genjax.families.model import NO_CONDITION, Styles
from genjax.families.registry import model_from_json, model_to_json

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


FACES = Dataset(
    *("fonts", "train", IMAGES, np.array([1, 0, 1], np.int32), ("A", "B")),
    factors={"face": np.array(["thin", "bold", "bold"])},
)


def test_a_style_is_a_second_number_and_none_is_0():
    condition = class_condition(FACES, "face")
    assert condition.styles == Styles("face", ("bold", "thin"))
    np.testing.assert_array_equal(column_of(condition, FACES)["styled_label"], [[1, 2], [0, 1], [1, 1]])
    np.testing.assert_array_equal(numbers_of(condition, ["A in thin", "B"]), [[0, 2], [1, 0]])
    np.testing.assert_array_equal(absent(condition), [2, 0])
    with pytest.raises(InputError, match=r"unknown style 'thick'. Did you mean 'thin'\? Known: bold, thin"):
        numbers_of(condition, ["A in thick"])
    with pytest.raises(InputError, match="unknown class 'C'"):
        numbers_of(condition, ["C in thin"])


def test_a_style_that_a_model_does_not_know_becomes_its_last_and_its_usual_one():
    condition = class_condition(FACES, "face")
    own = Dataset(
        *("fonts:own", "all", IMAGES[:2], np.array([0, 1], np.int32), ("A", "B")),
        factors={"face": np.array(["own"] * 2)},
    )
    adapted = with_new_styles(condition, own)
    assert adapted.styles == Styles("face", ("bold", "thin", "own"), "own", 1)
    np.testing.assert_array_equal(column_of(adapted, own)["styled_label"], [[0, 3], [1, 3]])
    np.testing.assert_array_equal(numbers_of(adapted, ["B", "B in bold"]), [[1, 3], [1, 1]])
    again = with_new_styles(adapted, own)
    assert again.styles == Styles("face", ("bold", "thin", "own"), "own", 0)
    plain = Dataset("folder:scans", "all", IMAGES[:1], np.array([0], np.int32), ("A",))
    assert with_new_styles(condition, plain).styles == Styles(
        "face", ("bold", "thin", "folder:scans"), "folder:scans", 1
    )
    assert with_new_styles(class_condition(BIRDS), own) == class_condition(BIRDS)


def test_a_class_may_have_in_in_its_name():
    names = ("cat", "cat in box")
    known = Dataset(
        *("x", "train", IMAGES[:2], np.array([0, 1], np.int32), names), factors={"face": np.array(["a", "b"])}
    )
    condition = class_condition(known, "face")
    np.testing.assert_array_equal(column_of(condition, known)["styled_label"], [[0, 1], [1, 2]])
    np.testing.assert_array_equal(
        numbers_of(condition, ["cat in box", "cat in box in a", "cat in b"]), [[1, 0], [1, 1], [0, 2]]
    )


def test_styles_are_of_a_factor_of_the_set():
    with pytest.raises(InputError, match=r"fonts has no factor 'colour' \(it has face\)"):
        class_condition(FACES, "colour")


def test_styles_are_kept_with_the_model():
    from genjax.config import ModelConfig
    from genjax.families.flow.options import FlowConfig

    condition = with_new_styles(class_condition(FACES, "face"), FACES)
    model = ModelConfig("flow", 16, 1, "float32", 8, FlowConfig(styles="face"), condition)
    values = model_to_json(model)
    assert model_from_json(values, where="model.json") == model
    values["condition"]["styles"]["names"] = [1]
    with pytest.raises(InputError, match=r"model.json: condition has styles that are none"):
        model_from_json(values, where="model.json")
