"""Byte pairs: no text is outside of them, and frequent words are short."""

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genjax.data import load
from genjax.errors import InputError
from genjax.families.text import byte_pair_vocabulary
from genjax.families.text.vocabulary import tidy

FEW = settings(max_examples=100, deadline=None, derandomize=True)
EMOJI = load("emoji", size=8).captions
VOCABULARY = byte_pair_vocabulary(EMOJI, size=512, length=256)


@FEW
@given(caption=st.text(max_size=40).filter(tidy))
def test_any_text_comes_back(caption):
    assert VOCABULARY.decode(VOCABULARY.encode([caption])) == [tidy(caption)]


def test_the_size_is_kept_and_few_captions_need_less():
    assert VOCABULARY.words == 512
    assert 256 < byte_pair_vocabulary(["a red seven"], size=512).words < 300


def test_merges_shorten_the_captions():
    tokens = (VOCABULARY.encode(EMOJI) < VOCABULARY.words).sum()
    characters = sum(map(len, EMOJI))
    assert tokens < 0.5 * characters


def test_a_frequent_word_is_one_token_wherever_it_stands():
    vocabulary = byte_pair_vocabulary(["red seven", "seven red"] * 3)
    assert vocabulary.length == 2
    first, second = vocabulary.encode(["red seven", "seven red"])
    assert list(first) == list(second[::-1])


def test_a_size_without_room_is_refused():
    with pytest.raises(InputError, match="a byte-pair vocabulary of 256 tokens was asked for, expected more than 256"):
        byte_pair_vocabulary(["a"], size=256)


def test_a_missing_library_is_one_clear_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(
        InputError, match=r'needs the package tokenizers\. Install it: pip install "genjax-images\[text'
    ):
        byte_pair_vocabulary(["a red seven"])


def test_the_extra_names_the_library():
    pyproject = Path(__file__).parents[3] / "pyproject.toml"
    assert 'text = ["tokenizers' in pyproject.read_text()
