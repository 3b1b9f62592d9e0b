"""A PNG figure of line plots. On logarithmic axes a power law is a straight line, and its slope the exponent."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Line(NamedTuple):
    """One line: its name, and the points (x, y) that it goes through; above 0 on logarithmic axes."""

    label: str
    x: Sequence[float]
    y: Sequence[float]


def save_lines(
    path: Path, title: str, panels: Mapping[str, Sequence[Line]], *, across: int = 3, logarithmic: bool = True
) -> None:
    """Writes a PNG with a panel for each entry; a stopped process leaves no half file.

    Args:
        path: place of the file.
        title: title above all panels.
        panels: {title: its lines}.
        across: number of panels beside each other.
        logarithmic: True makes both axes logarithmic and marks every point; False makes both linear, y from 0.
    """
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # it announces its cache, which nobody needs
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    down = -(-len(panels) // across)
    figure = Figure(figsize=(3.6 * across, 3.0 * down + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=12)
    for axis, (name, lines) in zip(figure.subplots(down, across, squeeze=False).flat, panels.items(), strict=False):
        (draw_logarithmic if logarithmic else draw_linear)(axis, lines)
        axis.set_title(name, fontsize=10)
        if lines:
            axis.legend(fontsize=8)
        axis.grid(alpha=0.3)
    part = path.with_name(f".{path.name}.part")
    figure.savefig(part, format="png", dpi=120)
    part.replace(path)


def draw_logarithmic(axis: Any, lines: Sequence[Line]) -> None:
    """Draws lines through marked points, with a tick at each x."""
    for line in lines:
        axis.loglog(line.x, line.y, marker="o", markersize=4, label=line.label)
    ticks = sorted({value for line in lines for value in line.x})
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()


def draw_linear(axis: Any, lines: Sequence[Line]) -> None:
    """Draws lines above 0, so that a change looks as large as it is."""
    for line in lines:
        axis.plot(line.x, line.y, label=line.label)
    axis.set_ylim(bottom=0)
