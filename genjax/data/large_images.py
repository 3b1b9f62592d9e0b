"""Images of very many pixels: how many one may have, and its decoding in bounded memory.

Pillow's own limit is one number for the whole process, and its warnings are not safe in threads. So files are opened
here without it, and `too_large` is asked instead.
"""

import struct
import threading
from collections.abc import Callable, Collection
from typing import IO

from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from genjax.errors import InputError

MAX_PIXELS = 300_000_000  # pixels of the largest image that is decoded: 1.2 GB at Pillow's 4 bytes for each
LARGE = 89_478_485  # pixels up to which an image is decoded whole and resized in one go, as Pillow's own limit allows
TOO_LARGE = "too large"
KEPT = 2  # multiple of the size in the end that a large image keeps when it is shrunk by whole numbers before
LARGEST_SIZE = 1024  # to which any image is brought
MOST_SHRUNK = 16  # factor by which one is shrunk before at most
STRIP = 1 << 22  # pixels of the strips in which that is done
ORIENTATION = 0x0112  # tag of EXIF
ONE_AT_A_TIME = threading.Lock()  # large images are decoded one by one, however many threads decode


def check_max_pixels(number: int) -> None:
    """Raises InputError for a largest number of pixels that no image could keep to."""
    if number < 1:
        raise InputError(f"--max-pixels {number} leaves out every image. Use 1 or more, or leave it out.")


def opened(stream: IO[bytes], formats: Collection[str]) -> ImageFile:
    """Opens an image of any size by its content.

    Args:
        stream: open file, which whoever opened it closes.
        formats: formats to try, as Pillow names them.
    Raises:
        UnidentifiedImageError: a file of no such format; or whatever Pillow raises on a damaged one.
    """
    stream.seek(0)
    prefix = stream.read(16)
    if not set(formats) <= set(Image.OPEN):
        Image.init()
    for name in formats:
        read, accepts = Image.OPEN[name]
        if accepts is None or accepts(prefix) is True:
            stream.seek(0)
            try:
                return read(stream, "")
            except (SyntaxError, IndexError, TypeError, struct.error):  # Image.open takes these for another format
                continue
    raise UnidentifiedImageError("of no format that is read")


def too_large(image: ImageFile, max_pixels: int) -> str:
    """Returns ``too large (30000 x 20000)`` for an image whose pixels are more than may be held in memory; else "".

    A JPEG is decoded at down to an eighth of its height and width, and counts as so many pixels; but a progressive one
    is held whole by its decoder.

    Args:
        image: opened image, of which only the head is read.
        max_pixels: largest number of pixels to hold.
    """
    width, height = image.size
    scales = (8, 4, 2) if image.format in ("JPEG", "MPO") and not image.info.get("progressive") else ()
    scale = next((one for one in scales if min(width, height) >= one * KEPT * LARGEST_SIZE), 1)
    return f"{TOO_LARGE} ({width} x {height})" if width * height > max_pixels * scale**2 else ""


def load_pixels(
    image: ImageFile, size: int, flatten: Callable[[Image.Image], Image.Image], *, max_pixels: int = MAX_PIXELS
) -> Image.Image:
    """Decodes the pixels of an image; of one larger than `LARGE` or `max_pixels` only the square in its middle, shrunk.

    Each pixel of the shrunk image is the mean of a block, as large as leaves `KEPT` times the size for `RESIZE_RULE`.

    Args:
        image: opened image.
        size: height and width that it will be brought to.
        flatten: converts any part of the image to 8-bit grey or RGB.
        max_pixels: pixels that are decoded at most: a JPEG of more is, at a part of its height and width (`too_large`).
    Returns:
        The image itself if it is not large; otherwise a square one with its EXIF orientation.
    """
    if image.width * image.height <= min(LARGE, max_pixels):
        image.load()
        return image
    with ONE_AT_A_TIME:
        image.draft(None, (KEPT * size, KEPT * size))  # a JPEG: at most 1/8
        image.load()
        shrunk = _shrunk(image, size, flatten)
    shrunk.getexif()[ORIENTATION] = image.getexif().get(ORIENTATION, 1)
    return shrunk


def _shrunk(image: Image.Image, size: int, flatten: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Shrinks the middle square in strips, so that what `flatten` needs beside the image stays small."""
    factor = max(1, min(MOST_SHRUNK, min(image.size) // (KEPT * size)))
    side = min(image.size) // factor * factor
    left, top = (image.width - side) // 2, (image.height - side) // 2
    rows = max(1, STRIP // (side * factor)) * factor
    strips = []
    for start in range(0, side, rows):
        end = min(start + rows, side)
        strips.append(flatten(image.crop((left, top + start, left + side, top + end))).reduce(factor))
    shrunk = Image.new(strips[0].mode, (side // factor, side // factor))
    for number, strip in enumerate(strips):
        shrunk.paste(strip, (0, number * rows // factor))
    return shrunk
