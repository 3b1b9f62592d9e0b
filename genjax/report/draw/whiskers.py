"""Values with their intervals below each other on one axis, which shows at a glance if runs differ."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from genjax.report.draw.axis import Axis, short, span, ticks
from genjax.report.draw.curves import COLOURS
from genjax.report.draw.html import Markup, element

WIDTH, LEFT, RIGHT, LINE, BOTTOM = 320.0, 10.0, 14.0, 30.0, 20.0  # of the panel, in pixels


class Whisker(NamedTuple):
    """One value.

    Attributes:
        label: name of the run.
        value: number that was measured.
        interval: ends (low, high) of its interval, or None.
        number: number of the run's colour.
    """

    label: str
    value: float
    interval: tuple[float, float] | None
    number: int = 0


def whiskers(name: str, entries: Sequence[Whisker]) -> Markup:
    """Draws a figure of one metric, an entry for each run; an unknown interval is left out."""
    numbers = [number for entry in entries for number in (entry.value, *(entry.interval or ()))]
    axis = span(np.asarray(numbers))
    height = LINE * len(entries) + BOTTOM
    marks = [_mark(entry, axis, LINE * row + 20) for row, entry in enumerate(entries)]
    text = "; ".join(f"{name} of {entry.label}: {in_words(entry.value, entry.interval)}" for entry in entries)
    rules = []
    for value in ticks(axis):
        x = _x(axis, value)
        rules.append(element("line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=4, y2=height - BOTTOM + 2, class_="rule"))
        rules.append(element("text", short(value), x=f"{x:.1f}", y=height - 5, text_anchor="middle"))
    svg = element(
        "svg", element("title", text), *rules, *marks, viewBox=f"0 0 {WIDTH:g} {height:g}", role="img", aria_label=text
    )
    return element("figure", element("figcaption", element("span", name, class_="name")), svg, class_="panel")


def in_words(value: float, interval: tuple[float, float] | None) -> str:
    """Writes a value with its interval, such as `0.12 (0.1 to 0.14)`."""
    return short(value) + ("" if interval is None else f" ({short(interval[0])} to {short(interval[1])})")


def _mark(entry: Whisker, axis: Axis, y: float) -> Markup:
    parts = [element("text", entry.label, x=LEFT, y=y - 8, class_="label")]
    if entry.interval is not None:
        low, high = (_x(axis, end) for end in entry.interval)
        parts.append(element("line", x1=f"{low:.1f}", x2=f"{high:.1f}", y1=y, y2=y, class_="line"))
    parts.append(element("circle", cx=f"{_x(axis, entry.value):.1f}", cy=y, r=3.5))
    return element("g", *parts, class_=f"line-{entry.number % COLOURS}")


def _x(axis: Axis, value: float) -> float:
    return float(LEFT + axis.place(np.asarray([value]))[0] * (WIDTH - LEFT - RIGHT))
