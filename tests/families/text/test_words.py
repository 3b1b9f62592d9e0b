"""A closed vocabulary: its words, and what it says of others."""

import unicodedata

import numpy as np
import pytest

from genjax.data import load
from genjax.errors import InputError
from genjax.families.text import word_vocabulary
from genjax.families.text.words import joined, split


def test_the_words_are_sorted_and_their_numbers_are_their_places():
    vocabulary = word_vocabulary(["two red sevens", "a Red seven, tilted"])
    assert vocabulary.contents["words"] == [",", "a", "red", "seven", "sevens", "tilted", "two"]
    assert (vocabulary.words, vocabulary.length, vocabulary.numbers) == (7, 5, 12)
    np.testing.assert_array_equal(vocabulary.encode(["a red seven"]), [[1, 2, 3, 7 + 3, 7 + 4]])


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("a seven, tilted left", ["a", "seven", ",", "tilted", "left"]),
        ("Flag-in-Hole", ["flag-in-hole"]),
        ("don't -- stop!", ["don't", "-", "-", "stop", "!"]),
        ("ein großer Fuchs 2", ["ein", "grosser", "fuchs", "2"]),
    ],
)
def test_words_and_marks_are_split(caption, expected):
    assert split(caption) == expected
    assert split(joined(expected)) == expected


def test_unknown_words_are_named_with_the_nearest():
    vocabulary = word_vocabulary(["a red seven", "a bold blue one"])
    with pytest.raises(InputError) as error:
        vocabulary.encode(["a red seven", "a rde sevn qqq rde"])
    assert str(error.value) == (
        "the text 'a rde sevn qqq rde' has words that are not in the vocabulary: 'rde' (near: red),"
        " 'sevn' (near: seven), 'qqq'. It has 6 words: a, blue, bold, one, red, seven."
    )


def test_of_many_words_only_the_near_ones_are_named():
    vocabulary = word_vocabulary(load("emoji", size=8).captions)
    with pytest.raises(InputError) as error:
        vocabulary.encode(["smiling caat"])
    assert str(error.value).startswith(
        "the text 'smiling caat' has a word that is not in the vocabulary: 'caat' (near: "
    )
    assert str(error.value).endswith(f"It has {vocabulary.words} words.")
    assert len(str(error.value)) < 200


def test_every_name_of_an_emoji_comes_back():
    captions = load("emoji", size=8).captions
    vocabulary = word_vocabulary(captions)
    assert [split(caption) for caption in vocabulary.decode(vocabulary.encode(captions))] == [*map(split, captions)]


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("लाल बिल्ली", ["लाल", "बिल्ली"]),
        ("क्\u200dष \u0646\u06cc\u200c\u0645", ["क्\u200dष", "\u0646\u06cc\u200c\u0645"]),
        ("❤\ufe0f 1\ufe0f\u20e3!", ["❤\ufe0f", "1\ufe0f\u20e3", "!"]),
        ("👩\U0001f3fd\u200d🚀👧", ["👩\U0001f3fd\u200d🚀", "👧"]),
        ("café!!", ["café", "!", "!"]),
    ],
)
def test_marks_joiners_and_selectors_belong_to_the_word_before_them(caption, expected):
    assert split(caption) == expected


def test_a_word_of_the_letters_of_others_is_unknown():
    with pytest.raises(InputError, match="'बालि'"):
        word_vocabulary(["लाल बिल्ली", "नीली बिल्ली"]).encode(["बालि"])


@pytest.mark.parametrize(
    ("known", "text"),
    [
        ("un café", unicodedata.normalize("NFD", "un café")),
        (unicodedata.normalize("NFD", "un café"), "UN CAFÉ"),
        ("İstanbul", "istanbul"),
        ("İstanbul", unicodedata.normalize("NFD", "İSTANBUL")),
    ],
)
def test_one_word_in_two_spellings_is_one_word(known, text):
    vocabulary = word_vocabulary([known])
    np.testing.assert_array_equal(vocabulary.encode([text]), vocabulary.encode([known]))


def test_a_sign_that_only_looks_like_another_is_another_word():
    with pytest.raises(InputError, match="'102'"):
        word_vocabulary(["10²"]).encode(["102"])


def test_the_summary_says_how_long_texts_are_and_of_how_many_words():
    assert word_vocabulary(["a red dot", "two blue dots"]).summary == "up to 3 words, of 6"


def test_one_caption_that_is_far_longer_than_the_others_is_warned_of(capsys):
    captions = ["a red dot"] * 200
    word_vocabulary([*captions, " ".join(["red"] * 12)])
    assert capsys.readouterr().err == ""
    word_vocabulary([*captions, " ".join(["red"] * 400)])
    said = capsys.readouterr().err
    assert "has 400 words, and nearly all have 3 or fewer" in said
    assert said.count("warning: ") == 1
    word_vocabulary(["a dot", " ".join(["red"] * 400)], length=400)
    assert capsys.readouterr().err == ""


def test_captions_of_unknown_words_are_not_readable():
    vocabulary = word_vocabulary(["a red dot"])
    assert vocabulary.readable(["a red dot", "a cat"]) == [0]
    assert vocabulary.readable(["a cat"]) == []
