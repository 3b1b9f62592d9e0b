"""HTML out of Python, safe by construction: whatever is not markup already is escaped."""

import html
from collections.abc import Iterable

VOID = ("br", "img", "meta")  # elements that have no end


class Markup(str):
    """Text that is HTML already; any other string is escaped when it becomes a child or an attribute."""

    __slots__ = ()


def escape(text: object) -> Markup:
    """Text as HTML shows it."""
    return text if isinstance(text, Markup) else Markup(html.escape(str(text)))


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """One element.

    Args:
        tag: its name.
        children: markup, or anything else, which is escaped.
        attributes: of the element; a trailing underscore is dropped and others become hyphens (`class_`, `data_value`).
            None leaves an attribute out.
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
    """Children side by side."""
    return Markup("".join(escape(child) for child in children))
