"""Conversion of images: value ranges, the resize rule, and the decoding of files.

uint8 from 0 to 255 in files, sets and metrics; float32 from -1 to 1 inside models. Always height, width, channels.
"""

import struct
import warnings
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
from PIL import Image, ImageOps

from genjax.errors import InputError

if TYPE_CHECKING:
    from jax import Array

AnyArray = TypeVar("AnyArray", np.ndarray, "Array")

RESIZE_RULE = "centre crop to the largest square, then Pillow BICUBIC (antialiased when shrinking)"
FORMATS = ("PNG", "JPEG", "WEBP")
MIN_SIDE = 2  # smallest height and width in pixels: a single pixel is a tracking image of a web page, not a picture
GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N")
PALETTE_MODES = ("P", "PA")
# Exceptions that Pillow raises on files that are cut off, damaged, or no images at all.
UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


def to_float(images: AnyArray) -> AnyArray:
    """Converts uint8 images to float32 in [-1, 1]; floats are returned unchanged. Can be jitted.

    Args:
        images: images of any shape, uint8 (0 to 255) or floats in [-1, 1].
    Raises:
        InputError: another type.
    """
    if images.dtype == np.uint8:
        return images.astype(np.float32) / 127.5 - 1.0  # 0 to -1, 255 to 1
    if images.dtype.kind in "biu":  # bfloat16 has a kind of its own
        raise InputError(f"images are {images.dtype}, expected uint8 (0 to 255) or floats from -1 to 1.")
    return images


def to_uint8(images: "np.ndarray | Array") -> np.ndarray:
    """Converts float images in [-1, 1] to uint8, clipped and rounded; NaN becomes grey.

    Args:
        images: images of any shape; uint8 ones are returned unchanged.
    """
    if images.dtype == np.uint8:
        return np.asarray(images)
    values = np.nan_to_num(np.asarray(images, np.float32))
    return np.rint((np.clip(values, -1.0, 1.0) + 1.0) * 127.5).astype(np.uint8)


def resize(image: Image.Image, size: int) -> Image.Image:
    """Resizes an 8-bit grey or RGB image to a square of `size` pixels, by `RESIZE_RULE`."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    return square.resize((size, size), Image.Resampling.BICUBIC)


def fit(image: Image.Image | np.ndarray, size: int, channels: int) -> np.ndarray:
    """Converts an image to the form in which a `Dataset` holds it.

    Args:
        image: image of any size; an array is uint8, (height, width), (height, width, 1) or (height, width, 3).
        size: height and width of the result, reached by `RESIZE_RULE`.
        channels: 1 or 3. Colour becomes grey by luma (ITU-R 601), as Pillow does it, before resizing.
    Returns:
        uint8 (size, size, channels).
    """
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image)
    flat = opaque(image).convert("L" if channels == 1 else "RGB")
    return np.asarray(resize(flat, size)).reshape(size, size, channels)


def opaque(image: Image.Image) -> Image.Image:
    """Converts a Pillow image of any mode to 8-bit grey (L) or RGB, transparent pixels over white."""
    if image.mode.startswith("I"):  # 16 bits for each pixel
        levels = np.clip(np.asarray(image, np.float64), 0, 65535)
        return Image.fromarray(np.rint(levels / 257).astype(np.uint8))  # 65535 / 257 = 255
    mode = "L" if image.mode in GREY_MODES else "RGB"
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert(mode)


class Probe(NamedTuple):
    """Facts from the head of an image file.

    Attributes:
        grey: True if the file holds no colour.
        problem: reason why it cannot be used, in a few words; "" if none is known yet.
    """

    grey: bool
    problem: str = ""


def probe(path: Path) -> Probe:
    """Reads the head of a file, without decoding its pixels.

    Not safe in threads: it changes Python's warning filters while it runs.
    """
    if not path.is_file():  # a broken link, or a pipe, whose reading would block
        return Probe(False, "no file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                small = min(image.size) < MIN_SIDE
                return Probe(_is_grey(image), f"{image.width}x{image.height} pixels, too small" if small else "")
    except UNREADABLE as error:
        return Probe(False, _problem(error))


def decode(file: Path | IO[bytes], size: int, channels: int) -> np.ndarray:
    """Decodes a PNG, JPEG or WebP file and turns it upright as its EXIF data says.

    Args:
        file: path or open file.
        size: height and width of the result.
        channels: 1 or 3.
    Returns:
        uint8 (size, size, channels).
    Raises:
        InputError: the file cannot be decoded to its last pixel; the message is only the reason.
    """
    try:
        with Image.open(file, formats=FORMATS) as image:
            image.load()
            return fit(ImageOps.exif_transpose(image), size, channels)
    except UNREADABLE as error:
        raise InputError(_problem(error)) from None


def _is_grey(image: Image.Image) -> bool:
    if image.mode not in PALETTE_MODES:
        return image.mode in GREY_MODES
    palette = np.array(image.getpalette("RGB") or [0, 0, 0]).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def _problem(error: Exception) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        return "no PNG, JPEG or WebP"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return f"more than {Image.MAX_IMAGE_PIXELS:,} pixels"
    if isinstance(error, PermissionError | FileNotFoundError):
        return "cannot be opened"
    return "cut off or damaged"
