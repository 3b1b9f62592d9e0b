"""A closed vocabulary of words: those of the captions that it is made from, and no others.

When: captions in few words, as of glyphs or emoji. A word that was never seen in training could mean nothing to a
model, so it is refused, with the nearest that could.
"""

import difflib
import re
from collections.abc import Mapping, Sequence

import numpy as np

from genjax.errors import InputError
from genjax.families.text_to_image.text.vocabulary import (
    Vocabulary,
    check_lengths,
    check_texts,
    padded,
    shortened,
    text_length,
    tidy,
    unpadded,
)

WORD = re.compile(r"\w+(?:['\u2019-]\w+)*|[^\w\s]")  # a mark of punctuation is a word of its own
BEFORE_MARK = re.compile(r" (?=[,.;:!?)])")
FULL_STOP = "."  # at the end of a text it says nothing, where no caption had one
NEAR = 3  # known words that are named beside an unknown one
LISTED = 60  # words up to which all of them are named


def word_vocabulary(captions: Sequence[str], *, length: int = 0) -> Vocabulary:
    """The words of these captions, in alphabetical order.

    Args:
        captions: of a set; their order and how often each occurs do not matter.
        length: of the text, in words; 0 is that of the longest caption.
    Raises:
        InputError: no caption, an empty one, or one that is longer.
    """
    check_texts(captions)
    rows = [split(caption) for caption in captions]
    known = tuple(sorted({word for row in rows for word in row}))
    return words_from(known, text_length(captions, rows, length, "words"))


def words_from(known: Sequence[str], length: int) -> Vocabulary:
    """The vocabulary of these words, whose numbers are their places."""
    known, numbers = tuple(known), {word: number for number, word in enumerate(known)}

    def encode(captions: Sequence[str]) -> np.ndarray:
        check_texts(captions)
        rows = [split(caption) for caption in captions]
        rows = [row[:-1] if len(row) > 1 and row[-1] == FULL_STOP and FULL_STOP not in numbers else row for row in rows]
        for caption, row in zip(captions, rows, strict=True):
            _check_known(caption, row, numbers)
        check_lengths(captions, rows, length, "words")
        return padded([[numbers[word] for word in row] for row in rows], words=len(known), length=length)

    def decode(given: np.ndarray) -> list[str]:
        return [joined([known[number] for number in row]) for row in unpadded(given, words=len(known), length=length)]

    return Vocabulary("words", len(known), length, encode, decode, {"words": list(known)})


def split(caption: str) -> list[str]:
    """The words of a caption and its marks of punctuation, in small letters."""
    return WORD.findall(tidy(caption))


def joined(words: Sequence[str]) -> str:
    """Words as a caption: no space before a mark of punctuation that ends something."""
    return BEFORE_MARK.sub("", " ".join(words))


def _check_known(caption: str, row: Sequence[str], numbers: Mapping[str, int]) -> None:
    unknown = [word for word in dict.fromkeys(row) if word not in numbers]
    if not unknown:
        return
    named = [f"{word!r}{_nearest(word, numbers)}" for word in unknown]
    noun = "a word that is" if len(unknown) == 1 else "words that are"
    everything = f": {', '.join(numbers)}" if len(numbers) <= LISTED else ""
    raise InputError(
        f"the text {shortened(caption)} has {noun} not in the vocabulary: {', '.join(named)}."
        f" It has {len(numbers)} words{everything}."
    )


def _nearest(word: str, numbers: Mapping[str, int]) -> str:
    near = difflib.get_close_matches(word, list(numbers), n=NEAR)
    return f" (near: {', '.join(near)})" if near else ""
