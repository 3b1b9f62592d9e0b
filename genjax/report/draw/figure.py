"""A PNG figure of rows of images, each under a title, so that images of the same latents can be compared."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

COLUMNS = 20  # images in a line, where nothing else is asked for
WIDTH, MARGIN, HEAD, LABEL = 10.0, 0.06, 0.3, 0.28  # inches: of a line, around all, and above for titles


class Row(NamedTuple):
    """One band of the figure: a title, and images (n, h, w, c), uint8, shown from left to right in lines."""

    title: str
    images: np.ndarray


def save_figure(path: Path, title: str, rows: Sequence[Row], *, columns: int = COLUMNS) -> None:
    """Writes the rows below each other as PNG; a stopped process leaves no half file.

    Args:
        path: place of the file.
        title: title above all rows.
        rows: one or more rows, whose images may be grey or colour.
        columns: images in a line.
    """
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # it announces its cache, which nobody needs
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from genjax.report.draw.grid import image_grid

    grids = [image_grid(row.images, columns=columns) for row in rows]
    heights = [WIDTH * grid.shape[0] / grid.shape[1] for grid in grids]
    high = HEAD + sum(heights) + LABEL * len(rows) + MARGIN
    figure = Figure(figsize=(WIDTH + 2 * MARGIN, high))
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=13, y=1 - MARGIN / high, va="top")
    top = high - HEAD
    for row, grid, height in zip(rows, grids, heights, strict=True):
        top -= LABEL + height
        # Placed by inches, so that no image is stretched: [left, bottom, width, height] as parts of the figure.
        axis = figure.add_axes(
            (MARGIN / figure.get_figwidth(), top / high, WIDTH / figure.get_figwidth(), height / high)
        )
        axis.imshow(grid if grid.shape[-1] == 3 else grid[..., 0], cmap="gray", vmin=0, vmax=255, aspect="auto")
        axis.set_title(row.title, fontsize=11, loc="left", pad=3)
        axis.set_axis_off()
    part = path.with_name(f".{path.name}.part")
    figure.savefig(part, format="png", dpi=120)
    part.replace(path)
