"""A PNG figure of rows of images, each under a title, so that images of the same latents can be compared."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

COLUMNS = 20  # images in a line


class Row(NamedTuple):
    """One band of the figure: a title, and images (n, h, w, c), uint8, shown from left to right in lines of COLUMNS."""

    title: str
    images: np.ndarray


def save_figure(path: Path, title: str, rows: Sequence[Row]) -> None:
    """Writes the rows below each other as PNG; a stopped process leaves no half file.

    Args:
        path: place of the file.
        title: title above all rows.
        rows: one or more rows, whose images may be grey or colour.
    """
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # it announces its cache, which nobody needs
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from genjax.report.draw.grid import image_grid

    grids = [image_grid(row.images, columns=COLUMNS) for row in rows]
    width = 10.0
    heights = [width * grid.shape[0] / grid.shape[1] for grid in grids]
    figure = Figure(figsize=(width, sum(heights) + 0.32 * len(rows) + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=12)
    axes = figure.subplots(len(rows), 1, height_ratios=heights, squeeze=False)[:, 0]
    for axis, row, grid in zip(axes, rows, grids, strict=True):
        axis.imshow(grid if grid.shape[-1] == 3 else grid[..., 0], cmap="gray", vmin=0, vmax=255, aspect="auto")
        axis.set_title(row.title, fontsize=9, loc="left", pad=3)
        axis.set_axis_off()
    part = path.with_name(f".{path.name}.part")
    figure.savefig(part, format="png", dpi=120)
    part.replace(path)
