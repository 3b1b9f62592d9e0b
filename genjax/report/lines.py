"""Quantities over others, both on logarithmic axes: a power law is a straight line, and its slope the exponent."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Line(NamedTuple):
    """One line: its name, where it was measured, and what was found there; all above 0."""

    label: str
    x: Sequence[float]
    y: Sequence[float]


def save_lines(path: Path, title: str, panels: Mapping[str, Sequence[Line]], *, across: int = 3) -> None:
    """Writes a PNG with a panel for each entry; the file is whole at every moment.

    Args:
        path: of the file.
        title: above all.
        panels: {title: its lines}.
        across: panels beside each other.
    """
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # it announces its cache, which nobody needs
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    down = -(-len(panels) // across)
    figure = Figure(figsize=(3.6 * across, 3.0 * down + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=12)
    for axis, (name, lines) in zip(figure.subplots(down, across, squeeze=False).flat, panels.items(), strict=False):
        for line in lines:
            axis.loglog(line.x, line.y, marker="o", markersize=4, label=line.label)
        ticks = sorted({value for line in lines for value in line.x})
        axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.minorticks_off()
        axis.set_title(name, fontsize=10)
        axis.legend(fontsize=8)
        axis.grid(alpha=0.3)
    part = path.with_name(f".{path.name}.part")
    figure.savefig(part, format="png", dpi=120)
    part.replace(path)
