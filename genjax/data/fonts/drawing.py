"""Draws the characters of a face white on black: on one baseline, in one scale, nothing of any character cut off."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from genjax.errors import InputError

CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
PROBE = 256  # pixels of an em in which a face is measured
FILLED = 0.9  # part of the image's height and width that the largest character takes
OVERSAMPLING = 4  # how many times larger a character is drawn before it is shrunk
LARGEST_FILE = 64 << 20  # bytes of a font file


def draw_face(path: Path, axes: Mapping[str, float], size: int) -> tuple[np.ndarray, str]:
    """Draws all of `CHARACTERS` that a font file has.

    The scale is that at which the widest of them and the span from the highest to the lowest fit, so that capitals,
    small letters and the weight of strokes keep their relation; each is centred by its ink.

    Args:
        path: of the font file.
        axes: {tag: value} of a variable font, such as {"wght": 700}; others keep their usual values.
        size: height and width of an image.
    Returns:
        uint8 (n, size, size, 1), and the n characters that these are.
    Raises:
        InputError: it is no font that can be drawn, or has none of the characters.
    """
    try:
        known = _known(path)
        characters = [char for char in CHARACTERS if ord(char) in known]
        probe = font_of_size(path, PROBE, axes)
        boxes = {char: probe.getbbox(char, anchor="ls") for char in characters}
        characters = [
            char for char in characters if boxes[char][0] < boxes[char][2] and boxes[char][1] < boxes[char][3]
        ]
        if not characters:
            raise InputError(f"the font {path.name} has no letter and no digit. Use a font of Latin letters.")
        top, bottom = min(boxes[char][1] for char in characters), max(boxes[char][3] for char in characters)
        width = max(boxes[char][2] - boxes[char][0] for char in characters)
        scale = FILLED * size * OVERSAMPLING / max(bottom - top, width)
        font, side = font_of_size(path, PROBE * scale, axes), size * OVERSAMPLING
        baseline = side / 2 - scale * (top + bottom) / 2
        images = [_draw(font, char, baseline, side, size) for char in characters]
    except InputError:  # which is a ValueError, and says enough
        raise
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        why = str(error).rpartition(": ")[2]  # without the line of the library's code
        raise InputError(f"{path.name} cannot be drawn as a font ({why}). Use a .ttf or .otf file.") from None
    return np.stack(images)[..., None], "".join(characters)


def check_font_file(path: Path) -> None:
    """Raises InputError for what is no readable file of a font's size."""
    try:
        found = path.stat()
    except OSError as error:
        raise InputError(f"the font {path} cannot be read ({error.strerror}). Name a .ttf or .otf file.") from None
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"the font {path} is no file. Name a .ttf or .otf file.")
    if found.st_size > LARGEST_FILE:
        raise InputError(f"the font {path} has {found.st_size >> 20} MiB, more than {LARGEST_FILE >> 20}. Use another.")
    if not os.access(path, os.R_OK):
        raise InputError(f"the font {path} cannot be read (permission denied). Allow it, or use another.")


def _draw(font: ImageFont.FreeTypeFont, char: str, baseline: float, side: int, size: int) -> np.ndarray:
    left, _, right, _ = font.getbbox(char, anchor="ls")
    image = Image.new("L", (side, side))
    ImageDraw.Draw(image).text(((side - left - right) / 2, baseline), char, fill=255, font=font, anchor="ls")
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))


def font_of_size(path: Path, pixels: float, axes: Mapping[str, float]) -> ImageFont.FreeTypeFont:
    """Opens a font at a size in pixels, with its variable axes at these values or where the font has them."""
    # The basic layout is in every build of Pillow, so that all machines draw equal images.
    font = ImageFont.truetype(str(path), pixels, layout_engine=ImageFont.Layout.BASIC)
    if axes:
        font.set_variation_by_axes([axes.get(tag, usual) for tag, usual in _axes(path)])
    return font


def _axes(path: Path) -> list[tuple[str, float]]:
    """Returns tag and usual value of each axis of a variable font, in the order of the file."""
    from fontTools.ttLib import TTFont  # comes with matplotlib

    with TTFont(path, lazy=True) as font:
        return [(axis.axisTag, axis.defaultValue) for axis in font["fvar"].axes] if "fvar" in font else []


def _known(path: Path) -> frozenset[int]:
    """Returns the code points that a font has a character for."""
    from matplotlib.ft2font import FT2Font  # half a second that the other sets do not need

    return frozenset(FT2Font(str(path)).get_charmap())
