"""Types of options that several verbs share, and how the help shows them."""

from pathlib import Path
from typing import Annotated, Any, Literal

import tyro


def shown(metavar: str, without: str) -> Any:
    """Says how the help shows an option whose default is no value that could be typed, and what happens without it."""
    return tyro.conf.arg(metavar=metavar, help_behavior_hint=f"({without})")


def listed(sentence: str, lines: str) -> Any:
    """Returns the type of a string whose help lists what may be typed, a line each."""
    return Annotated[str, tyro.conf.arg(help=f"{sentence} {' '.join(lines.splitlines())}")]


Runs = Annotated[tyro.conf.Positional[tuple[Path, ...]], shown("PATH [PATH ...]", "required")]
Texts = Annotated[tuple[str, ...], shown("STR [STR ...]", "default: none")]
Number = Annotated[int | None, shown("INT", "default: 64, or 8 of each text")]
Source = Annotated[Path | None, shown("PATH", "default: where it was then")]
Page = Annotated[Path | None, shown("PATH", "default: report.html in the run, comparison.html in the first of several")]
Which = Literal["latest", "best"]
