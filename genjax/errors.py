"""What is said to a user whose input cannot be used: what was given, what was expected, what to do; in one line."""

import difflib
from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


LONGEST = 1500  # characters of a message, which may quote what someone else has written


class InputError(ValueError):
    """The input cannot be used. The command line prints it as one line and leaves with exit code 2."""

    def __init__(self, message: str) -> None:
        """What was given, what was expected, what to do."""
        super().__init__(one_line(message))


class StorageError(RuntimeError):
    """A disk failed a run that was under way. The command line prints it as one line and leaves with exit code 1."""

    def __init__(self, message: str) -> None:
        """What is wrong, what to do, what is whole."""
        super().__init__(one_line(message))


def one_line(text: str) -> str:
    """A text that may quote anything, such as the name of a file, as one line that a terminal takes for no command."""
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} [...] {text[-LONGEST // 2 :]}"
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def lookup(choices: Mapping[str, T], name: str, noun: str) -> T:
    """The choice called ``name``; an unknown name says which there are and which is nearest.

    Raises:
        InputError: there is no such choice.
    """
    if name in choices:
        return choices[name]
    raise InputError(f"unknown {noun} {name!r}. {did_you_mean(name, choices)}")


def did_you_mean(name: str, known: Mapping[str, object] | list[str]) -> str:
    """``Did you mean 'digits'? Known: digits, glyphs.``, without the question where nothing is near."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    question = f"Did you mean {near[0]!r}? " if near else ""
    return f"{question}Known: {', '.join(names)}."
