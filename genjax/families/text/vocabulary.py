"""The interface of a vocabulary, captions to rows of tokens of one length and back, and what all vocabularies share.

Tokens 0 to words - 1 are those of the text. After the end of a caption, position i of its row holds the padding token
words + i: each position has its own, whose embedding the model learns, so that texts of any length need no mask.
(Ramesh et al. 2021, section 2.2) A model of text therefore embeds words + length tokens, and ends a caption that it
writes by the first padding.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from genjax.errors import InputError
from genjax.terminal import warn

FAR = 4  # times the length of nearly all captions, from which the longest is warned of
SHOWN = 60  # most characters of a text that a message repeats
DOTTED_I = "i\u0307"  # case folding makes it of the Turkish capital, whose small letter is a plain i


class Vocabulary(NamedTuple):
    """A vocabulary of any kind.

    Attributes:
        kind: ``words`` or ``byte_pair``.
        words: number of tokens without padding.
        length: tokens in every row, t.
        encode: function captions -> int32 (n, t). InputError for a text that is empty, too long or has unknown words.
        decode: function int (n, t) -> captions, in the form of `tidy`; tokens after the first padding are ignored.
        contents: remaining content for a file, as plain values: the words or the byte pairs.
    """

    kind: str
    words: int
    length: int
    encode: Callable[[Sequence[str]], np.ndarray]
    decode: Callable[[np.ndarray], list[str]]
    contents: dict[str, Any]

    @property
    def numbers(self) -> int:
        """Returns how many numbers a model of text embeds: of words, and of the padding at each position."""
        return self.words + self.length

    @property
    def summary(self) -> str:
        """Returns the length of texts and the number of words, as a phrase."""
        noun = "words" if self.kind == "words" else "tokens"
        return f"up to {self.length:,} {noun}, of {self.words:,}"

    def encode_padded(self, captions: Sequence[str]) -> np.ndarray:
        """Encodes captions as `encode` does, an empty one to a row of padding: int32 (n, t)."""
        rows = padded([[]] * len(captions), words=self.words, length=self.length)
        said = [place for place, caption in enumerate(captions) if tidy(caption)]
        rows[said] = self.encode([captions[place] for place in said])
        return rows

    def readable(self, captions: Sequence[str]) -> list[int]:
        """Returns the places of the captions that have no other words than these."""
        places = []
        for place, caption in enumerate(captions):
            try:
                self.encode([caption])
            except InputError:
                continue
            places.append(place)
        return places


def tidy(caption: str) -> str:
    """Normalises a caption as every vocabulary reads it: composed letters, no capitals, single spaces only.

    NFC and not NFKC, which would read other texts: "10²" as "102".
    """
    folded = unicodedata.normalize("NFC", caption).casefold().replace(DOTTED_I, "i")
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", folded)).strip()


def check_texts(captions: Sequence[str]) -> None:
    """Raises InputError for a single text instead of a list of them, and for one that is empty or no Unicode."""
    if isinstance(captions, str):
        raise InputError(f"a list of texts was expected and {shortened(captions)} given. Put it into a list.")
    for place, caption in enumerate(captions, 1):
        if not tidy(caption):
            which = "the text" if len(captions) == 1 else f"text {place} of {len(captions)}"
            raise InputError(f'{which} is empty. Say what the image shows, such as "a bold red seven".')
        if any("\ud800" <= character <= "\udfff" for character in caption):  # a byte that was no UTF-8
            raise InputError(f"the text {shortened(caption)} is not Unicode. Give it as UTF-8.")


def text_length(captions: Sequence[str], rows: Sequence[Sequence[Any]], length: int, noun: str) -> int:
    """Chooses the length of a new vocabulary: `length`, or that of the longest row if it is 0.

    Args:
        captions: captions of the set, for messages.
        rows: tokens of each caption.
        length: requested length.
        noun: word for tokens in messages.
    Raises:
        InputError: no caption, a negative length, or a caption that is longer.
    """
    if not rows:
        raise InputError("a vocabulary was to be made from no captions. Use a set that has some.")
    if length < 0:
        raise InputError(f"a text length of {length} was given, expected 1 or more, or 0 for the longest caption's.")
    if not length:
        length = max(map(len, rows))
        _warn_of_long(captions, rows, noun)
    check_lengths(captions, rows, length, noun)
    return length


def _warn_of_long(captions: Sequence[str], rows: Sequence[Sequence[Any]], noun: str) -> None:
    """Warns of a caption that is far longer than nearly all others: texts are all made as long as the longest."""
    longest, *others = sorted(range(len(rows)), key=lambda place: -len(rows[place]))
    usual = len(rows[others[len(rows) // 100]]) if others else len(rows[longest])
    if len(rows[longest]) > FAR * usual:
        warn(
            f"the caption {shortened(captions[longest])} has {len(rows[longest])} {noun}, and nearly all have {usual}"
            " or fewer: every text takes as much time and memory as the longest. Shorten it"
        )


def check_lengths(captions: Sequence[str], rows: Sequence[Sequence[Any]], length: int, noun: str) -> None:
    """Raises InputError for a caption with more tokens than `length`; `noun` is the word for them in the message."""
    for caption, row in zip(captions, rows, strict=True):
        if len(row) > length:
            raise InputError(
                f"the text {shortened(caption)} has {len(row)} {noun}, and the text length is {length}."
                " Shorten it, or train with a greater text length."
            )


def padded(rows: Sequence[Sequence[int]], *, words: int, length: int) -> np.ndarray:
    """Fills rows of at most `length` tokens up with the padding of each position: int32 (n, length)."""
    numbers = np.tile(words + np.arange(length, dtype=np.int32), (len(rows), 1))
    for row, tokens in zip(numbers, rows, strict=True):
        row[: len(tokens)] = tokens
    return numbers


def unpadded(numbers: np.ndarray, *, words: int, length: int) -> list[list[int]]:
    """Cuts each row of tokens (n, length) at its first padding.

    Raises:
        InputError: rows of another length, or tokens that this vocabulary does not have.
    """
    numbers = np.asarray(numbers)
    if numbers.ndim != 2 or numbers.shape[1] != length or numbers.dtype.kind not in "iu":
        raise InputError(f"text tokens have shape {numbers.shape}, expected integers (n, {length}).")
    if numbers.size and not 0 <= numbers.min() <= numbers.max() < words + length:
        raise InputError(
            f"text tokens go from {numbers.min()} to {numbers.max()}, expected 0 to {words + length - 1}."
            " Use the vocabulary that they were made with."
        )
    ends = np.where((numbers >= words).any(axis=1), (numbers >= words).argmax(axis=1), length)
    return [row[:end].tolist() for row, end in zip(numbers, ends, strict=True)]


def shortened(caption: str) -> str:
    """Quotes a caption for a message, and cuts a long one."""
    return repr(caption if len(caption) <= SHOWN else f"{caption[:SHOWN]}...")
