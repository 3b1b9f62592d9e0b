"""Configs as JSON and back, without guessing."""

import dataclasses
import json
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from genjax.errors import InputError, did_you_mean

T = TypeVar("T")


def to_json(config: Any) -> dict[str, Any]:
    """Returns a config as plain values for config.json."""
    return {
        f.name: to_json(value) if dataclasses.is_dataclass(value) else _plain(value)
        for f in dataclasses.fields(config)
        for value in [getattr(config, f.name)]
    }


def from_json(kind: type[T], values: dict[str, Any], *, where: str, ready: Mapping[str, Any] | None = None) -> T:
    """Builds the config of this kind with these values, which may have come from anywhere.

    Args:
        kind: frozen dataclass.
        values: {field: plain value}.
        where: name of the file, for errors.
        ready: {field: value} of fields that were built otherwise.
    Raises:
        InputError: an unknown key, a value of another type, or a value that the config refuses.
    """
    hints = get_type_hints(kind)
    given: dict[str, Any] = dict(ready or {})
    for name, value in values.items():
        if name not in hints:
            raise InputError(f"{where}: unknown key {name!r}. {did_you_mean(name, list(hints))}")
        given[name] = _typed(hints[name], value, where=f"{where}: {name}")
    missing = [field.name for field in _required(kind) if field.name not in given]
    if missing:
        raise InputError(f"{where} lacks {', '.join(missing)}. Restore it, or train the run again.")
    return kind(**given)


def _required(kind: Any) -> list[dataclasses.Field[Any]]:
    """Returns the fields that have no default."""
    no = dataclasses.MISSING
    return [field for field in dataclasses.fields(kind) if field.default is no and field.default_factory is no]


def read_json(path: Path) -> dict[str, Any]:
    """Reads the object in a JSON file.

    Raises:
        InputError: no such file, or one that holds no JSON object.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist. Name the folder of a run that genjax has made.") from None
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}). Restore it, or train the run again.") from None
    if not isinstance(values, dict):
        raise InputError(f"{path} holds a {type(values).__name__}, expected an object of named values.")
    return values


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _typed(hint: Any, value: Any, *, where: str) -> Any:
    """Reads `value`, from JSON, as the field's type."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type) and isinstance(value, dict):
        return from_json(hint, value, where=where)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint in (tuple[str, ...], tuple[int, ...], tuple[float, ...]) and isinstance(value, list):
        return tuple(_typed(get_args(hint)[0], part, where=where) for part in value)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if hint in (int, str, bool) and type(value) is hint:
        return value
    choices = getattr(hint, "__args__", ())
    if isinstance(hint, types.UnionType) and type(value) in choices:  # int | None
        return value
    if any(value == choice and type(value) is type(choice) for choice in choices):
        return value
    raise InputError(f"{where} is {value!r}, expected {getattr(hint, '__name__', hint)}.")
