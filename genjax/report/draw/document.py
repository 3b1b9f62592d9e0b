"""The page around a report: one file without a single address in it, which opens from disk and on a phone."""

import base64
import hashlib
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple

from genjax.report.draw.html import Markup, element, join


class Section(NamedTuple):
    """A part of the page.

    Attributes:
        title: heading, by which the table of contents names it.
        content: markup of the section, which is left out if this is empty.
        lead: sentence or two below the heading.
    """

    title: str
    content: Markup
    lead: object = ""


def page(title: str, summary: str, warnings: Sequence[str], sections: Sequence[Section], *, footer: str) -> str:
    """Writes a whole HTML document.

    Args:
        title: title of the page.
        summary: sentence below it.
        warnings: sentences that a reader must see first.
        sections: parts of the page, in order.
        footer: line at its end.
    Returns:
        The document.
    """
    shown = [section for section in sections if section.content]
    body = join(
        [
            element("header", element("h1", title), element("p", summary, class_="summary")),
            _warnings(warnings),
            _contents(shown),
            element("main", *map(_section, shown)),
            element("footer", footer),
        ]
    )
    return f"<!doctype html>\n{element('html', _head(title), element('body', body, _script()), lang='en')}\n"


def _head(title: str) -> Markup:
    return element(
        "head",
        element("meta", charset="utf-8"),
        # Nothing is loaded, and no other script than this page's own runs, whatever a data set is called.
        element("meta", http_equiv="Content-Security-Policy", content=_policy()),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", _text("page.css")),
    )


def _policy() -> str:
    """Returns the policy that allows inline images and styles, and the one script by its hash."""
    digest = base64.b64encode(hashlib.sha256(_text("sort.js").encode()).digest()).decode()
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def _script() -> Markup:
    return element("script", _text("sort.js"))


def _text(name: str) -> Markup:
    return Markup(files("genjax.report.draw").joinpath(name).read_text(encoding="utf-8"))


def _warnings(warnings: Sequence[str]) -> Markup:
    if not warnings:
        return Markup("")
    title = element("h2", "Before you read on")
    return element("aside", title, element("ul", *(element("li", line) for line in warnings)), class_="warnings")


def _contents(sections: Sequence[Section]) -> Markup:
    links = [element("a", section.title, href=f"#{_anchor(section)}") for section in sections]
    return element("nav", *links, aria_label="Contents")


def _section(section: Section) -> Markup:
    lead = element("p", section.lead, class_="lead") if section.lead else ""
    return element("section", element("h2", section.title), lead, section.content, id=_anchor(section))


def _anchor(section: Section) -> str:
    return re.sub(r"\W+", "-", section.title.lower()).strip("-")
