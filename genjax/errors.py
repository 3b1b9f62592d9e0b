"""The errors that genjax raises, with one-line messages: what was given, what was expected, what to do."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


LISTED = 80  # most names that a message lists
MAX_LENGTH = 1500  # most characters of a message, which may quote the content of foreign files


class InputError(ValueError):
    """An input that cannot be used. The command line prints it as one line and exits with code 2."""

    def __init__(self, message: str) -> None:
        """Takes a message that says what was given, what was expected and what to do."""
        super().__init__(one_line(message))


class StorageError(RuntimeError):
    """A disk that failed during a run. The command line prints it as one line and exits with code 1."""

    def __init__(self, message: str) -> None:
        """Takes a message that says what is wrong, what to do and what is still intact."""
        super().__init__(one_line(message))


def one_line(text: str) -> str:
    """Escapes and shortens a text to one printable line.

    A message may quote anything, such as a file name with control characters, which a terminal would obey.
    """
    if len(text) > MAX_LENGTH:
        text = f"{text[: MAX_LENGTH // 2]} [...] {text[-MAX_LENGTH // 2 :]}"
    return printable(text)


def printable(text: str) -> str:
    """Escapes what cannot be printed in a line: control characters, ends of lines, bytes that were no UTF-8."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def looked_for(path: Path) -> str:
    """Returns the whole of a relative path in brackets, which a message adds; nothing for an absolute one."""
    return "" if path.is_absolute() else f" (looked for {path.absolute()})"


def lookup(choices: Mapping[str, T], name: str, noun: str) -> T:
    """Returns the choice called ``name``.

    Args:
        choices: choices by name.
        name: name to look up.
        noun: word for a choice in the message, such as ``dataset``.
    Raises:
        InputError: no such choice; the message lists all of them and suggests the nearest.
    """
    if name in choices:
        return choices[name]
    raise InputError(f"unknown {noun} {name!r}. {did_you_mean(name, choices)}")


def did_you_mean(name: str, known: Mapping[str, object] | list[str]) -> str:
    """Formats a suggestion: ``Did you mean 'digits'? Known: digits, glyphs.``, without the question if none is near.

    Of many names only the first are listed, and how many there are.
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    question = f"Did you mean {near[0]!r}? " if near else ""
    more = f", ... ({len(names)} in all)" if len(names) > LISTED else ""
    return f"{question}Known: {', '.join(names[: LISTED // 4 if more else LISTED])}{more}."
