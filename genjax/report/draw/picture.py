"""Images inside a page: PNG as a data: address, with a text for those who do not see them."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from genjax.report.draw.grid import image_grid
from genjax.report.draw.html import Markup, element

LARGEST_PIXEL = 6  # pixels on the screen for each pixel of an image


def picture(images: np.ndarray, *, alt: str, columns: int = 0, pixel: int = 4) -> Markup:
    """Writes a grid of images, whose gaps show the page behind.

    Args:
        images: images (n, h, w, c), uint8.
        alt: description for those who do not see it.
        columns: columns of the grid; 0 makes it about square.
        pixel: width of a pixel on a wide screen, at most `LARGEST_PIXEL`; a narrow screen makes all of it smaller.
    """
    grid = with_gaps(images, columns=columns)
    height, width = grid.shape[:2]
    shown = min(pixel, LARGEST_PIXEL, max(1, 960 // width)) * width
    return element(
        "img", src=png_uri(grid), alt=alt, width=width, height=height, class_="pixels", style=f"width:{shown}px"
    )


def with_gaps(images: np.ndarray, *, columns: int = 0) -> np.ndarray:
    """Makes a grid (height, width, c + 1), uint8, whose gaps are transparent: a page may be light or dark."""
    opaque = np.full((*images.shape[:3], 1), 255, np.uint8)
    colours = image_grid(images, columns=columns)
    return np.concatenate([colours, image_grid(opaque, columns=columns, background=0)], axis=-1)


def png_uri(image: np.ndarray) -> str:
    """Writes an image (h, w, c), uint8, grey or colour, with or without alpha, as a data: address."""
    channels = image.shape[-1]
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if channels == 1 else image).save(file, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def interleaved(rows: Sequence[np.ndarray], *, columns: int) -> np.ndarray:
    """Orders sets of n images in bands: a line of the first set, below it the same images of the second, and so on.

    Args:
        rows: arrays (n, h, w, c) of one shape, n a multiple of `columns`.
        columns: images in a line.
    Returns:
        Images (len(rows) * n, h, w, c), to be shown in a grid of that many columns.
    """
    stacked = np.stack([row.reshape(-1, columns, *row.shape[1:]) for row in rows], axis=1)
    return stacked.reshape(-1, *rows[0].shape[1:])


def figure(content: Markup, *caption: object, class_: str | None = None) -> Markup:
    """Writes a figure with its caption below; without a caption if none is given."""
    return element("figure", content, element("figcaption", *caption) if caption else "", class_=class_)
