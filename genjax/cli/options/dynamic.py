"""Commands whose options depend on a family: dataclasses made at run time from those that are written down."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import tyro


class Own(NamedTuple):
    """A field that is put in the place of one of type Any.

    Attributes:
        type: annotation that tyro reads.
        default: value.
    """

    type: Any
    default: Any


def own_options(kind: type, default: Any, *, prefix: str = "") -> Own:
    """Describes a group of options: a dataclass, its values, and what its options begin with; empty for nothing."""
    return Own(Annotated[kind, tyro.conf.arg(name=prefix)], default)


def with_options(base: type, fields: Mapping[str, Own], *, checked: bool = True) -> type:
    """Makes a dataclass like this one, with these fields in place of its own or beside them.

    Fields of type Any that are not named are not shown. Help stays: tyro reads it where a field was written down.

    Args:
        base: frozen dataclass.
        fields: {name: field}.
        checked: whether values are checked when it is built; not where what was typed becomes another config.
    """
    made: list[tuple[str, Any, Any]] = []
    for field in dataclasses.fields(base):
        if field.name in fields:
            continue
        if field.type is Any:
            hidden = Annotated[Any, tyro.conf.Suppress, tyro.conf.Fixed]
            made.append((field.name, hidden, _field(_default(field))))
    made += [(name, own.type, _field(own.default)) for name, own in fields.items()]
    namespace = {} if checked else {"__post_init__": lambda self: None}
    return dataclasses.make_dataclass(base.__name__, made, bases=(base,), frozen=True, namespace=namespace)


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _field(value: Any) -> Any:
    """Returns a dataclass field with this default, whether or not it can be shared."""
    return dataclasses.field(default_factory=lambda: value)
