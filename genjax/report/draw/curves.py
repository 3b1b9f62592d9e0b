"""Curves as inline SVG: one quantity a panel, in the colours of the page, small enough for a phone."""

from collections.abc import Iterator, Sequence

import numpy as np

from genjax.report.draw.axis import Axis, short, span, ticks
from genjax.report.draw.html import Markup, element, join
from genjax.report.draw.series import Series

WIDTH, HEIGHT = 320.0, 160.0
LEFT, RIGHT, TOP, BOTTOM = 42.0, 10.0, 8.0, 20.0
FEW = 25  # points up to which each is marked
COLOURS = 6  # that the page has names for: line-0 to line-5


def panel(name: str, series: Sequence[Series]) -> Markup:
    """Draws a figure of one quantity with its name and last value, a curve for each run.

    Args:
        name: name of the quantity.
        series: curves, with at least one point in all.
    """
    last = [f"{short(one.finite[-1])}" for one in series if len(one.finite)]
    heading = [element("span", name, class_="name")]
    if len(series) == 1 and last:
        heading.append(element("span", last[0], class_="last"))
    return element("figure", element("figcaption", *heading), chart(name, series), class_="panel")


def chart(name: str, series: Sequence[Series]) -> Markup:
    """Draws the SVG of `panel` alone."""
    steps = np.concatenate([one.steps for one in series])
    across = Axis(0.0, max(float(steps.max()), 1.0))
    up = span(np.concatenate([values[np.isfinite(values)] for one in series for values in _drawn(one)]))
    parts = [*_grid(across, up)]
    for number, one in enumerate(series):
        parts.append(element("g", *_curve(one, across, up), class_=f"line-{number % COLOURS}"))
    text = described(name, series, logarithmic=up.logarithmic)
    return element(
        "svg", element("title", text), *parts, viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}", role="img", aria_label=text
    )


def described(name: str, series: Sequence[Series], *, logarithmic: bool) -> str:
    """Describes curves in words for those who do not see them: first, last, lowest and highest values."""
    sentences = []
    for one in series:
        if not len(one.steps):
            continue
        values, who = one.finite, f" of {one.label}" if one.label else ""
        if not len(values):
            sentences.append(f"{name}{who}: no finite value.")
            continue
        sentences.append(
            f"{name}{who}: {short(values[0])} at step {one.steps[0]:.0f}, {short(values[-1])} at step"
            f" {one.steps[-1]:.0f}; lowest {short(values.min())}, highest {short(values.max())}."
        )
    return " ".join([*sentences, *(["Logarithmic axis."] if logarithmic else [])])


def legend(labels: Sequence[str]) -> Markup:
    """Draws the list of runs in their colours."""
    entries = [element("li", label, class_=f"line-{number % COLOURS}") for number, label in enumerate(labels)]
    return element("ul", *entries, class_="legend")


def _drawn(one: Series) -> list[np.ndarray]:
    """Returns all numbers that the axis must hold."""
    return [one.values] if one.low is None or one.high is None else [one.values, one.low, one.high]


def _grid(across: Axis, up: Axis) -> Iterator[Markup]:
    """Draws horizontal lines, and the numbers of both axes."""
    for value in ticks(up):
        y = _y(up, np.asarray([value]))[0]
        yield element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=f"{y:.1f}", y2=f"{y:.1f}", class_="rule")
        yield element("text", short(value), x=LEFT - 6, y=f"{y + 3.5:.1f}", text_anchor="end")
    for value in ticks(across):
        x = _x(across, np.asarray([value]))[0]
        anchor = "end" if x > WIDTH - RIGHT - 12 else "middle"
        yield element("text", short(value), x=f"{x:.1f}", y=HEIGHT - 5, text_anchor=anchor)


def _curve(one: Series, across: Axis, up: Axis) -> Iterator[Markup]:
    """Draws the interval, the line, and its points where they are few."""
    x, y = _x(across, one.steps), _y(up, one.values)
    if one.low is not None and one.high is not None:
        known = np.isfinite(one.low) & np.isfinite(one.high)
        ends = [*zip(x[known], _y(up, one.high)[known], strict=True)]
        ends += [*zip(x[known], _y(up, one.low)[known], strict=True)][::-1]
        yield element("path", d=_path(ends) + "Z" if ends else "", class_="band")
    pieces = [_path(list(zip(x[part], y[part], strict=True))) for part in unbroken(one.values)]
    yield element("path", d="".join(pieces), class_="line")
    if len(x) <= FEW:  # b == b leaves out NaN
        yield join(element("circle", cx=f"{a:.1f}", cy=f"{b:.1f}", r=2) for a, b in zip(x, y, strict=True) if b == b)


def unbroken(values: np.ndarray) -> list[np.ndarray]:
    """Returns the indices of each stretch of finite values, so that no line is drawn across a gap."""
    known = np.flatnonzero(np.isfinite(values))
    return [part for part in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1) if len(part)]


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "".join(f"{'L' if number else 'M'}{x:.1f} {y:.1f}" for number, (x, y) in enumerate(points))


def _x(axis: Axis, values: np.ndarray) -> np.ndarray:
    return LEFT + axis.place(values) * (WIDTH - LEFT - RIGHT)


def _y(axis: Axis, values: np.ndarray) -> np.ndarray:
    return HEIGHT - BOTTOM - axis.place(values) * (HEIGHT - TOP - BOTTOM)
