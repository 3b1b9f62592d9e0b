"""Values that no training could use are refused when a config is built, by the name of their option."""

from typing import Any

from genjax.errors import InputError


def at_least(group: str, config: Any, bound: float, *names: str) -> None:
    """Raises InputError unless these fields are finite and `bound` or more; `group` prefixes their options."""
    for name in names:
        if not bound <= getattr(config, name) < float("inf"):
            raise InputError(f"{_option(group, name)} is {getattr(config, name)}, expected {bound} or more.")


def at_most(group: str, config: Any, bound: float, *names: str) -> None:
    """Raises InputError unless these fields are `bound` or less, a number just below 1."""
    for name in names:
        if not getattr(config, name) <= bound:
            raise InputError(f"{_option(group, name)} is {getattr(config, name)}, expected less than 1.")


def check_seed(config: Any) -> None:
    """Raises InputError unless the seed is one that is known from every other: JAX reads 32 bits of it."""
    if not 0 <= config.seed < 1 << 32:
        raise InputError(f"--seed is {config.seed}, expected 0 to {(1 << 32) - 1}.")


def above_zero(group: str, config: Any, *names: str) -> None:
    """Raises InputError unless these fields are finite and above 0."""
    for name in names:
        if not 0 < getattr(config, name) < float("inf"):
            raise InputError(f"{_option(group, name)} is {getattr(config, name)}, expected a number above 0.")


def _option(group: str, name: str) -> str:
    prefix = f"{group}." if group else ""
    return f"--{prefix}{name.replace('_', '-')}"
