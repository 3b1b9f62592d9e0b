"""Checks of the values in a config: an error names the option, what it was given and what is expected."""

from collections.abc import Sequence
from dataclasses import MISSING, fields
from typing import Any

from genjax.errors import InputError


def at_least(group: str, config: Any, bound: float, *names: str) -> None:
    """Raises InputError unless these fields are finite and `bound` or more; `group` prefixes their options."""
    for name in names:
        if not bound <= getattr(config, name) < float("inf"):
            raise InputError(f"{option(group, name)} is {getattr(config, name)}, expected {bound} or more.")


def at_most(group: str, config: Any, bound: float, *names: str) -> None:
    """Raises InputError unless these fields are `bound` or less, which is 1 or a number just below it."""
    for name in names:
        if not getattr(config, name) <= bound:
            expected = "1 or less" if bound == 1 else "less than 1"
            raise InputError(f"{option(group, name)} is {getattr(config, name)}, expected {expected}.")


def above_zero(group: str, config: Any, *names: str) -> None:
    """Raises InputError unless these fields are finite and above 0."""
    for name in names:
        if not 0 < getattr(config, name) < float("inf"):
            raise InputError(f"{option(group, name)} is {getattr(config, name)}, expected a number above 0.")


def check_seed(config: Any) -> None:
    """Raises InputError unless the seed fits into 32 bits: JAX reads no more, so larger ones would not be distinct."""
    if not 0 <= config.seed < 1 << 32:
        raise InputError(f"--seed is {config.seed}, expected 0 to {(1 << 32) - 1}.")


def check_heads(group: str, width: int, heads: int, *, prefix: str = "") -> None:
    """Raises InputError unless the heads divide the width."""
    if width % heads:
        fitting = [number for number in range(1, width + 1) if width % number == 0]
        near = min(fitting, key=lambda number: abs(number - heads))
        raise InputError(
            f"--{group}.{prefix}heads {heads} does not divide --{group}.{prefix}width {width}. Use {near} heads."
        )


def nearest(value: int, known: Sequence[int]) -> str:
    """Returns the values nearest to an unknown one, in words: the next below and the next above, ``16 or 32``.

    Args:
        value: that is not known.
        known: values in ascending order.
    """
    below = [one for one in known if one < value][-1:]
    above = [one for one in known if one > value][:1]
    return " or ".join(map(str, below + above))


def changed(config: Any) -> list[str]:
    """Returns the names of a config's plain fields that are not at their defaults."""
    plain = [one for one in fields(config) if one.default is not MISSING]
    return [one.name for one in plain if getattr(config, one.name) != one.default]


def option(group: str, name: str) -> str:
    """Returns a field's option on the command line: `--control.ada-target`; without a group, `--seed`."""
    prefix = f"{group}." if group else ""
    return f"--{prefix}{name.replace('_', '-')}"
