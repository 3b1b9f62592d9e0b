"""The grammar of captioned glyphs: what it says is what is read out of it."""

import itertools

import pytest

from genjax.data.glyphs.captions import VALUES, VOCABULARY, Attributes, caption, parse
from genjax.data.glyphs.plain_captions import words
from genjax.errors import InputError

EVERY = [Attributes(*values) for values in itertools.product(*VALUES.values())]


@pytest.mark.parametrize(
    ("attributes", "colour_first", "sentence"),
    [
        (Attributes(2, "small", "bold", "red", "7", "left"), True, "two small red bold sevens, tilted left"),
        (Attributes(1, "ordinary", "bold", "red", "7", "upright"), False, "a bold red seven"),
        (Attributes(1, "ordinary", "regular", "orange", "6", "right"), False, "an orange six, tilted right"),
        (Attributes(2, "ordinary", "regular", "orange", "6", "upright"), True, "two orange sixes"),
        (Attributes(2, "small", "regular", "blue", "2", "right"), False, "two small blue twos, tilted right"),
    ],
)
def test_a_caption_reads_well(attributes: Attributes, colour_first: bool, sentence: str) -> None:
    assert caption(attributes, colour_first=colour_first) == sentence


@pytest.mark.parametrize("colour_first", [False, True])
def test_every_sentence_is_read_back(colour_first: bool) -> None:
    sentences = [caption(attributes, colour_first=colour_first) for attributes in EVERY]
    assert [parse(sentence) for sentence in sentences] == EVERY
    assert len(set(sentences)) == len(EVERY) == 2160
    assert {word for sentence in sentences for word in words(sentence)} <= set(VOCABULARY)


def test_capitals_and_spaces_do_not_matter() -> None:
    assert parse("  A Bold red SEVEN ,tilted left") == Attributes(1, "ordinary", "bold", "red", "7", "left")


@pytest.mark.parametrize(
    "sentence",
    [*("", "a", "red seven", "a seven", "a red", "two red seven", "a red sevens", "a orange six", "seven red a"),
     *("a red red seven", "a bold red bold seven", "a red seven, left", "a red seven tilted left", "two two"),
     *("a red small seven", "a red seven, tilted", "an red seven", "a red seven six")],
)  # fmt: skip
def test_other_sentences_are_refused(sentence: str) -> None:
    with pytest.raises(
        InputError, match=r"is not of the form .* Say it like: two small bold red sevens, tilted left\."
    ):
        parse(sentence)


def test_an_unknown_word_is_named_with_its_nearest() -> None:
    with pytest.raises(InputError, match=r"'a rde seven' has the word 'rde'\. Did you mean 'red'\?"):
        parse("a rde seven")
