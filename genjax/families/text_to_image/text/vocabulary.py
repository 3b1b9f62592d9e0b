"""The shape of a vocabulary: captions to rows of token numbers of one length, and back.

Numbers from 0 to words - 1 are tokens of the text. Where a caption ends, position i of its row holds the number
words + i: padding has a token of its own at each position, whose embedding the model learns, so that how long a text
is costs no special case. (Ramesh et al. 2021, section 2.2) A model of text so embeds words + length numbers, and the
first padding says that a caption which it writes itself is over.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from genjax.errors import InputError

SHOWN = 60  # characters of a text that a message repeats


class Vocabulary(NamedTuple):
    """A vocabulary of any kind.

    Attributes:
        kind: ``words`` or ``byte_pair``.
        words: tokens that a text can consist of.
        length: tokens in every row, t.
        encode: captions -> int32 (n, t). InputError for a text that is empty, too long or has unknown words.
        decode: int (n, t) -> captions, in the form of `tidy`; what follows the first padding does not count.
        contents: what it consists of beside kind and length, as plain values for a file.
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

    def readable(self, captions: Sequence[str]) -> list[int]:
        """Returns the places of the captions that have no other words than these.

        Raises:
            InputError: none of them.
        """
        places = []
        for place, caption in enumerate(captions):
            try:
                self.encode([caption])
            except InputError:
                continue
            places.append(place)
        if not places:
            self.encode(captions)  # says what is wrong with the first
        return places


def tidy(caption: str) -> str:
    """A caption without capitals and without more than single spaces, as every vocabulary reads it."""
    return re.sub(r"\s+", " ", caption).strip().casefold()


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
    """The length of a vocabulary that is made from these captions: `length`, or of the longest row where that is 0.

    Raises:
        InputError: no caption, a negative length, or a caption that is longer.
    """
    if not rows:
        raise InputError("a vocabulary was to be made from no captions. Use a set that has some.")
    if length < 0:
        raise InputError(f"a text length of {length} was given, expected 1 or more, or 0 for the longest caption's.")
    length = length or max(map(len, rows))
    check_lengths(captions, rows, length, noun)
    return length


def check_lengths(captions: Sequence[str], rows: Sequence[Sequence[Any]], length: int, noun: str) -> None:
    """Raises InputError for a caption with more tokens than `length`; `noun` is what they are called."""
    for caption, row in zip(captions, rows, strict=True):
        if len(row) > length:
            raise InputError(
                f"the text {shortened(caption)} has {len(row)} {noun}, and the text length is {length}."
                " Shorten it, or train with a greater text length."
            )


def padded(rows: Sequence[Sequence[int]], *, words: int, length: int) -> np.ndarray:
    """Rows of at most `length` tokens each, filled up with the padding of each position: int32 (n, length)."""
    numbers = np.tile(words + np.arange(length, dtype=np.int32), (len(rows), 1))
    for row, tokens in zip(numbers, rows, strict=True):
        row[: len(tokens)] = tokens
    return numbers


def unpadded(numbers: np.ndarray, *, words: int, length: int) -> list[list[int]]:
    """The tokens of each row up to its first padding.

    Raises:
        InputError: rows of another length, or numbers that this vocabulary does not have.
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
    """A caption in quotes, its beginning where it is long."""
    return repr(caption if len(caption) <= SHOWN else f"{caption[:SHOWN]}...")
