"""Grids of images as arrays, and PNG files of images."""

import itertools
import math
import os
from pathlib import Path

import numpy as np
from PIL import Image


def image_grid(images: np.ndarray, *, columns: int = 0, gap: int = 1, background: int = 128) -> np.ndarray:
    """Sets images side by side, row by row.

    Args:
        images: images (n, h, w, c), uint8.
        columns: columns of the grid; 0 makes it about square.
        gap: pixels between two images.
        background: grey level of the gaps and of places that stay empty.
    Returns:
        The grid (rows * (h + gap) - gap, columns * (w + gap) - gap, c), uint8.
    """
    n, h, w, c = images.shape
    columns = columns or math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    grid = np.full((rows * (h + gap) - gap, columns * (w + gap) - gap, c), background, np.uint8)
    for index, image in enumerate(images):
        top, left = (index // columns) * (h + gap), (index % columns) * (w + gap)
        grid[top : top + h, left : left + w] = image
    return grid


def save_image(path: Path, image: np.ndarray, *, scale: int = 1) -> None:
    """Writes an image (h, w, c), uint8, as PNG, each pixel `scale` wide; a stopped process leaves no half file."""
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)  # never through a link that lies there
    with part.open("xb") as file:
        picture.save(file, format="PNG")
    part.replace(path)


def save_images(folder: Path, images: np.ndarray) -> None:
    """Writes images (n, h, w, c), uint8, as 00000.png, 00001.png, ... into a folder, which is made.

    Images with the numbers that follow are of an earlier call, and are deleted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    numbered = (folder / f"{index:05d}.png" for index in itertools.count())
    for path, image in zip(itertools.islice(numbered, len(images)), images, strict=True):
        save_image(path, image)
    earlier = list(itertools.takewhile(Path.exists, numbered))
    for path in reversed(earlier):  # the last first: a stopped process leaves no gap, which would hide the rest
        path.unlink()
