"""Properties of both kinds of vocabulary."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genjax.data import load
from genjax.errors import InputError
from genjax.families.text import VOCABULARIES, Vocabulary, dump_vocabulary, load_vocabulary
from genjax.families.text.vocabulary import padded, unpadded

FEW = settings(max_examples=50, deadline=None, derandomize=True)
CAPTIONS = load("glyphs:captioned", num=972, size=8).captions


@pytest.fixture(scope="module", params=VOCABULARIES)
def make(request) -> Callable[..., Vocabulary]:
    """The function that makes one kind."""
    return VOCABULARIES[request.param]


@pytest.fixture(scope="module")
def vocabulary(make) -> Vocabulary:
    """A vocabulary of captioned glyphs."""
    return make(CAPTIONS)


def test_captions_come_back(vocabulary):
    rows = vocabulary.encode(CAPTIONS)
    assert rows.dtype == np.int32
    assert rows.shape == (len(CAPTIONS), vocabulary.length)
    assert vocabulary.decode(rows) == list(CAPTIONS)
    assert len({row.tobytes() for row in rows}) == len(set(CAPTIONS))


def test_padding_has_a_number_at_each_position(vocabulary):
    rows = vocabulary.encode(CAPTIONS)
    assert rows.min() >= 0
    assert rows.max() == vocabulary.words + vocabulary.length - 1 == vocabulary.numbers - 1
    for row in rows:
        end = int((row < vocabulary.words).sum())
        assert (row[:end] < vocabulary.words).all()
        np.testing.assert_array_equal(row[end:], vocabulary.words + np.arange(end, vocabulary.length))


def test_an_empty_caption_is_a_row_of_padding(vocabulary):
    rows = vocabulary.encode_padded(["a red seven", " \n", "a pink three", ""])
    np.testing.assert_array_equal(rows[[0, 2]], vocabulary.encode(["a red seven", "a pink three"]))
    nothing = vocabulary.words + np.arange(vocabulary.length)
    np.testing.assert_array_equal(rows[[1, 3]], np.stack([nothing, nothing]))
    assert vocabulary.decode(rows[[1]]) == [""]
    np.testing.assert_array_equal(vocabulary.encode_padded(["", ""]), rows[[1, 3]])


def test_captions_of_unlike_lengths_make_one_array(vocabulary):
    rows = vocabulary.encode(["a red seven", "two small red bold sevens, tilted left"])
    np.testing.assert_array_equal(rows[0], vocabulary.encode(["a red seven"])[0])
    assert vocabulary.decode(rows) == ["a red seven", "two small red bold sevens, tilted left"]


def test_capitals_and_spaces_do_not_matter(vocabulary):
    rows = vocabulary.encode([" A  Bold\nred SEVEN", "a bold red seven"])
    np.testing.assert_array_equal(rows[0], rows[1])


def test_the_order_of_the_captions_does_not_matter(make, vocabulary):
    assert make(CAPTIONS[::-1]).contents == vocabulary.contents


def test_a_file_gives_the_same_vocabulary(vocabulary, tmp_path):
    (tmp_path / "vocabulary.json").write_bytes(dump_vocabulary(vocabulary))
    again = load_vocabulary(tmp_path / "vocabulary.json")
    assert (again.kind, again.words, again.length, again.contents) == (
        *(vocabulary.kind, vocabulary.words, vocabulary.length, vocabulary.contents),
    )
    np.testing.assert_array_equal(again.encode(CAPTIONS), vocabulary.encode(CAPTIONS))
    assert [path.name for path in tmp_path.iterdir()] == ["vocabulary.json"]


@pytest.mark.parametrize(
    ("captions", "message"),
    [
        (["a red seven", " \n"], "text 2 of 2 is empty. Say what the image shows"),
        ([""], 'the text is empty. Say what the image shows, such as "a bold red seven".'),
        (["a a a a a a a a a a a a"], "the text 'a a a a a a a a a a a a' has 12 "),
        (["a \udcff seven"], "is not Unicode. Give it as UTF-8."),
        ("a red seven", "a list of texts was expected and 'a red seven' given. Put it into a list."),
    ],
)
def test_texts_that_cannot_be_read_are_refused(vocabulary, captions, message):
    with pytest.raises(InputError, match=re.escape(message)) as error:
        vocabulary.encode(captions)
    assert "\n" not in str(error.value)


def test_no_text_at_all_gives_no_rows(vocabulary):
    assert vocabulary.encode([]).shape == (0, vocabulary.length)
    assert vocabulary.decode(np.zeros((0, vocabulary.length), np.int32)) == []


@pytest.mark.parametrize(
    ("captions", "length", "message"),
    [
        ([], 0, "from no captions"),
        (["a", ""], 0, "text 2 of 2 is empty"),
        (["a b c"], 2, "the text 'a b c' has 3 .*, and the text length is 2"),
        (["a"], -1, "a text length of -1 was given, expected 1 or more"),
    ],
)
def test_captions_that_make_no_vocabulary_are_refused(make, captions, length, message):
    with pytest.raises(InputError, match=message):
        make(captions, length=length)


def test_numbers_of_another_vocabulary_are_refused(vocabulary):
    length, numbers = vocabulary.length, vocabulary.numbers
    with pytest.raises(InputError, match=f"text tokens go from 0 to {numbers}, expected 0 to {numbers - 1}"):
        vocabulary.decode(np.array([[0] * (length - 1) + [numbers]]))
    with pytest.raises(InputError, match=rf"have shape \(1, 3\), expected integers \(n, {length}\)"):
        vocabulary.decode(np.zeros((1, 3), np.int32))


@FEW
@given(rows=st.lists(st.lists(st.integers(0, 4), max_size=6), max_size=5))
def test_padding_is_taken_off_again(rows):
    numbers = padded(rows, words=5, length=6)
    assert numbers.shape == (len(rows), 6)
    assert unpadded(numbers, words=5, length=6) == rows


def test_what_follows_the_first_padding_does_not_count(vocabulary):
    row = vocabulary.encode(["a red seven"])
    row[0, -1] = 0
    assert vocabulary.decode(row) == ["a red seven"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "holds a list"),
        ("{", "cannot be read as JSON"),
        ("{}", "is no vocabulary of this genjax"),
        ('{"form": 2, "kind": "words", "length": 3, "words": ["a"]}', "is no vocabulary of this genjax"),
        ('{"form": 1, "kind": "words", "length": true, "words": ["a"]}', "is no vocabulary of this genjax"),
        ('{"form": 1, "kind": "wrods", "length": 3, "words": ["a"]}', "Did you mean 'words'"),
        ('{"form": 1, "kind": "words", "length": 3, "words": [1]}', "lists no words"),
        ('{"form": 1, "kind": "words", "length": 3, "words": ["a", "a"]}', "lists a word twice"),
        ('{"form": 1, "kind": "byte_pair", "length": 3}', "holds no byte pairs"),
        ('{"form": 1, "kind": "byte_pair", "length": 3, "tokenizer": "{}"}', "byte-pair vocabulary cannot be read"),
    ],
)
def test_damaged_files_are_refused(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "v.json").write_text(content)
    with pytest.raises(InputError, match=message) as error:
        load_vocabulary(tmp_path / "v.json")
    assert "\n" not in str(error.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.json does not exist"):
        load_vocabulary(tmp_path / "nothing.json")
