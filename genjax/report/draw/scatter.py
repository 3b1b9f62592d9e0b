"""A PNG scatter plot of two numbers of each method, with intervals: which one is better in both shows at a glance."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

MARKERS = "osD^vP*Xhd<>"
ACROSS = 2  # panels beside each other


class Point(NamedTuple):
    """One method.

    Attributes:
        label: name; one name has one colour and marker in all panels.
        x: number along the axis.
        y: number upwards.
        x_half: half of the interval of x; NaN where that is not known.
        y_half: half of the interval of y; NaN where that is not known.
    """

    label: str
    x: float
    y: float
    x_half: float = float("nan")
    y_half: float = float("nan")


def save_scatter(path: Path, title: str, panels: Mapping[str, Sequence[Point]], *, x: str, y: str) -> None:
    """Writes a PNG with a panel for each entry; a stopped process leaves no half file.

    Args:
        path: place of the file.
        title: title above all panels.
        panels: {title: its points}.
        x: label of the x axis.
        y: label of the y axis.
    """
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # it announces its cache, which nobody needs
    from matplotlib import colormaps
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = min(ACROSS, len(panels))
    down = -(-len(panels) // across)
    figure = Figure(figsize=(5.2 * across + 1.6, 4.2 * down + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=12)
    labels = list(dict.fromkeys(point.label for points in panels.values() for point in points))
    styles = {
        label: (colormaps["tab20"](index % 20), MARKERS[index % len(MARKERS)]) for index, label in enumerate(labels)
    }
    for axis, (name, points) in zip(figure.subplots(down, across, squeeze=False).flat, panels.items(), strict=False):
        for point in points:
            colour, marker = styles[point.label]
            halves = [None if np.isnan(half) else half for half in (point.x_half, point.y_half)]
            bars = {"xerr": halves[0], "yerr": halves[1], "elinewidth": 0.8, "markersize": 6}
            axis.errorbar(point.x, point.y, fmt=marker, color=colour, label=point.label, **bars)
        axis.set_title(name, fontsize=10)
        axis.set_xlabel(x, fontsize=9)
        axis.set_ylabel(y, fontsize=9)
        axis.grid(alpha=0.3)
    handles = {
        label: handle for axis in figure.axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    for axis in figure.axes[len(panels) :]:
        axis.set_axis_off()
    figure.legend(handles.values(), handles.keys(), loc="outside right upper", fontsize=8)
    part = path.with_name(f".{path.name}.part")
    figure.savefig(part, format="png", dpi=110)
    part.replace(path)
