"""Reads values of the command line: numbers as people write them, and paths with a ~ for the home folder."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

DIGITS = 100  # of a whole number, at most: 1e999999999 would not fit into memory
REGISTRY = ConstructorRegistry()


def whole_number(text: str) -> int:
    """Reads a whole number, which may be written as 1e5 or 100_000.

    Raises:
        ValueError: any other text.
    """
    try:
        value = Decimal(text)
        if value.adjusted() < DIGITS and value == value.to_integral_value():
            return int(value)
    except ArithmeticError:  # no number, or one that is not finite
        pass
    raise ValueError(f"{text!r} is no whole number. Write it so: 1000 or 1e3.")


def number(text: str) -> float:
    """Reads a number.

    Raises:
        ValueError: any other text.
    """
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number. Write it with a point: 0.0025 or 2.5e-3.") from None


def path(text: str) -> Path:
    """Reads a path, a ~ as the home folder, also where the shell has not replaced it; or a model of the zoo."""
    from genjax.zoo.cards import run_named  # the help does not wait for it

    return run_named(text)


@REGISTRY.primitive_rule
def _rule(asked: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """Returns how tyro reads a value of this type; None leaves it to tyro."""
    kind = asked.type
    if kind not in (int, float, Path):
        return None
    read = {int: whole_number, float: number, Path: path}[kind]
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar={int: "INT", float: "FLOAT", Path: "PATH"}[kind],
        instance_from_str=lambda texts: read(texts[0]),
        is_instance=lambda value: isinstance(value, kind),
        str_from_instance=lambda value: [str(value)],
    )
