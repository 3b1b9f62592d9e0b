"""A closed vocabulary of words: exactly those of the captions from which it is made.

It suits captions in few words, such as those of glyphs or emoji. A word that was never in training means nothing to a
model, so it is refused, and the error names the nearest known words.
"""

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np

from genjax.errors import InputError
from genjax.families.text.vocabulary import (
    Vocabulary,
    check_lengths,
    check_texts,
    padded,
    shortened,
    text_length,
    tidy,
    unpadded,
)

MARK, JOINER = "\u0301", "\u200d"  # one combining mark, which stands for all when words are looked for
PART = rf"\w[\w{MARK}{JOINER}]*"
SYMBOL = rf"[^\w\s](?:{MARK}|{JOINER}[^\w\s]?)*"
WORD = re.compile(rf"{PART}(?:['\u2019-]{PART})*|{SYMBOL}")  # a punctuation mark is a word of its own
SKIN_TONES = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
BEFORE_MARK = re.compile(r" (?=[,.;:!?)])")
FULL_STOP = "."  # ignored at the end of a text if no caption has one
NEAR = 3  # nearest words that a message names for each unknown one
LISTED = 60  # largest vocabulary that a message lists in full


def word_vocabulary(captions: Sequence[str], *, length: int = 0) -> Vocabulary:
    """Builds the vocabulary of these captions' words, in alphabetical order.

    Args:
        captions: captions of a set; neither their order nor their frequency matters.
        length: length of a text in words; 0 takes that of the longest caption.
    Raises:
        InputError: no caption, an empty one, or one that is longer.
    """
    check_texts(captions)
    rows = [split(caption) for caption in captions]
    known = tuple(sorted({word for row in rows for word in row}))
    return words_from(known, text_length(captions, rows, length, "words"))


def words_from(known: Sequence[str], length: int) -> Vocabulary:
    """Builds a vocabulary from its words; the token of a word is its index."""
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
    """Splits a caption into words and punctuation marks, in lower case."""
    text = tidy(caption)
    outline = text if text.isascii() else "".join(MARK if _extends(letter) else letter for letter in text)
    return [text[slice(*found.span())] for found in WORD.finditer(outline)]


def _extends(letter: str) -> bool:
    """Returns True for what belongs to the character before it: a mark, a non-joiner, a skin tone, but no joiner."""
    return unicodedata.category(letter).startswith("M") or letter == "\u200c" or letter in SKIN_TONES


def joined(words: Sequence[str]) -> str:
    """Joins words to a caption, without a space before a closing punctuation mark."""
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
