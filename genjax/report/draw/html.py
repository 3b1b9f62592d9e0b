"""HTML elements written from Python, safe by construction: any text that is not `Markup` already is escaped."""

import html
from collections.abc import Iterable

VOID = ("br", "img", "meta")  # elements that have no end


class Markup(str):
    """Text that is HTML already; any other string is escaped when it becomes a child or an attribute."""

    __slots__ = ()


def escape(text: object) -> Markup:
    """Escapes text, so that HTML shows it as it is."""
    return text if isinstance(text, Markup) else Markup(html.escape(str(text)))


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """Writes one element.

    Args:
        tag: name of the element.
        children: markup, or anything else, which is escaped.
        attributes: attributes by name; a trailing underscore is dropped and others become hyphens (`class_`,
            `data_value`). None leaves an attribute out.
    """
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in VOID:
        return Markup(f"<{tag}{written}>")
    return Markup(f"<{tag}{written}>{join(children)}</{tag}>")


def join(children: Iterable[object]) -> Markup:
    """Joins children side by side, and escapes those that are no markup."""
    return Markup("".join(escape(child) for child in children))
