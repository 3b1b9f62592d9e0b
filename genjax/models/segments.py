"""The segments of a sequence of tokens: a caption, or the tokens of an image."""

from dataclasses import dataclass

from genjax.errors import InputError
from genjax.limits import at_least


@dataclass(frozen=True)
class Segment:
    """A part of a sequence of tokens: a caption, or the tokens of an image. Each has a vocabulary of its own."""

    name: str
    """Name of its array in a batch, and in the names of its parameters."""
    length: int
    """Tokens, the same in every sequence."""
    vocabulary: int
    """Tokens are 0, ..., vocabulary - 1. Text counts the padding of each position as a word: words + length."""
    columns: int = 0
    """Columns of the grid whose rows are the tokens, which then have a row and a column; 0 for a line of text."""

    def __post_init__(self) -> None:
        """Refuses what no sequence could be."""
        at_least(self.name, self, 1, "length")
        at_least(self.name, self, 2, "vocabulary")
        at_least(self.name, self, 0, "columns")
        if self.columns and self.length % self.columns:
            raise InputError(
                f"{self.length} {self.name} tokens do not fill rows of {self.columns}. Use a length that it divides."
            )

    @property
    def absent(self) -> int:
        """Returns the token where none is known: a mask, or a condition that was dropped. Never predicted."""
        return self.vocabulary
