"""Versions of the libraries below genjax: the newest that it was tried with, and what is installed here."""

import importlib.metadata
import re
import warnings
from collections.abc import Mapping
from functools import cache

from genjax.version import __version__

# What comes later is used all the same: a machine often brings its own jax, built for its GPU or TPU.
TRIED = {"jax": "0.12.0.1", "flax": "0.12.12", "optax": "0.2.8", "orbax-checkpoint": "0.12.8"}


def described() -> str:
    """Returns a line for `--version` and for reports of faults: genjax, and the libraries below it."""
    below = ", ".join(f"{name} {version}" for name, version in installed().items())
    return f"genjax {__version__} ({below})"


def installed() -> dict[str, str]:
    """Returns {library: its version here} for the libraries of TRIED that are installed."""
    found = {}
    for name in TRIED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def numbers(version: str) -> tuple[int, ...]:
    """Reads a version as numbers that can be compared: 0.12.0.1 as (0, 12, 0, 1), and 0.12.0.dev3 as (0, 12, 0)."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def untried(versions: Mapping[str, str]) -> str:
    """Describes the libraries that are newer than every version that genjax was tried with.

    A library counts as newer from its second number on: 0.13.0 after 0.12.1, but not 0.12.2.

    Args:
        versions: {library: its version}, names those of TRIED.
    Returns:
        One line, or "" where there is no such library.
    """
    newer = [name for name in versions if numbers(versions[name])[:2] > numbers(TRIED[name])[:2]]
    if not newer:
        return ""
    named = ", ".join(f"{name} {versions[name]}" for name in newer)
    known = " ".join(f'"{name}<={TRIED[name]}"' for name in newer)
    return f"genjax was never tried with {named}. If something fails that should not: pip install {known}."


@cache  # once a process
def warn_of_untried() -> None:
    """Warns where a library is newer than every version that genjax was tried with."""
    line = untried(installed())
    if line:
        warnings.warn(line, stacklevel=3)
