"""Conversion of images: value ranges, the resize rule, and the decoding of files.

uint8 from 0 to 255 in files, sets and metrics; float32 from -1 to 1 inside models. Always height, width, channels.
"""

import io
import re
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
from PIL import Image, ImageOps
from PIL.ImageFile import ImageFile

try:
    from PIL import AvifImagePlugin

    HAS_AVIF = AvifImagePlugin.SUPPORTED
except ImportError:  # Pillow before 11.3
    HAS_AVIF = False

from genjax.data.large_images import MAX_PIXELS, TOO_LARGE, load_pixels, opened, too_large
from genjax.errors import InputError

if TYPE_CHECKING:
    from jax import Array

AnyArray = TypeVar("AnyArray", np.ndarray, "Array")
T = TypeVar("T")

RESIZE_RULE = "centre crop to the largest square, then Pillow BICUBIC (antialiased when shrinking)"
# Formats that are read, as Pillow calls them and as people do; of several pictures in a file the first.
FORMATS = {"PNG": "PNG", "JPEG": "JPEG", "WEBP": "WebP", "GIF": "GIF", "BMP": "BMP", "TIFF": "TIFF"}
FORMATS |= {"AVIF": "AVIF"} if HAS_AVIF else {}
FORMAT_NAMES = f"{', '.join([*FORMATS.values()][:-1])} or {[*FORMATS.values()][-1]}"
UNKNOWN = "unknown format"  # the problem of a file that is no image
MIN_SIDE = 2  # smallest height and width in pixels: a single pixel is a tracking image of a web page, not a picture
GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N")
PALETTE_MODES = ("P", "PA")
UNRANGED_MODES = ("I", "F")  # of a TIFF: 32 bits for each pixel, and nothing says which number is white
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
PNG_TEXT = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")  # chunks that say nothing of the pixels
# Exceptions that Pillow raises on files that are cut off, damaged, or no images at all.
UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    RuntimeError,  # by AVIF
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
        levels[levels == image.info.get("transparency")] = 65535
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


def probe(file: Path | IO[bytes], *, max_pixels: int = MAX_PIXELS) -> Probe:
    """Reads the head of a file, without decoding its pixels.

    Not safe in threads: it changes Python's warning filters while it runs.

    Args:
        file: path or open file.
        max_pixels: pixels of the largest image that can be used.
    """
    if isinstance(file, Path) and not file.is_file():  # a broken link, or a pipe, whose reading would block
        return Probe(False, "no file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # Pillow's remarks on odd metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _use(file, lambda image: Probe(_is_grey(image), _unfit(image, max_pixels)))
    except UNREADABLE as error:
        return Probe(False, _problem(error))


def decode(file: Path | IO[bytes], size: int, channels: int, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decodes an image file and turns it upright as its EXIF data says.

    Args:
        file: path or open file.
        size: height and width of the result.
        channels: 1 or 3.
        max_pixels: pixels of the largest image that is decoded. One of more than `large_images.LARGE` is shrunk by a
            whole number before it is resized.
    Returns:
        uint8 (size, size, channels).
    Raises:
        InputError: the file is too large, or cannot be decoded to its last pixel; the message is only the reason.
    """

    def pixels(image: ImageFile) -> np.ndarray | str:
        upright = too_large(image, max_pixels) or ImageOps.exif_transpose(load_pixels(image, size, opaque))
        return upright if isinstance(upright, str) else fit(upright, size, channels)

    try:
        found = _use(file, pixels)
    except UNREADABLE as error:
        raise InputError(_problem(error)) from None
    if isinstance(found, str):
        raise InputError(found)
    return found


def _use(file: Path | IO[bytes], use: Callable[[ImageFile], T]) -> T:
    """Opens an image and calls a function of it; a PNG that Pillow refuses for its long texts is read without them."""
    try:
        return _use_as_it_is(file, use)
    except ValueError:
        content = file.read_bytes() if isinstance(file, Path) else _reread(file)
        if not content.startswith(PNG_MAGIC):
            raise
        return _use_as_it_is(io.BytesIO(_without_text(content)), use)


def _use_as_it_is(file: Path | IO[bytes], use: Callable[[ImageFile], T]) -> T:
    with opened(file, FORMATS) as image:
        _scale_transparency(image)
        return use(image)


def _reread(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _without_text(png: bytes) -> bytes:
    """Removes the chunks of text from a PNG file."""
    kept, place = [PNG_MAGIC], len(PNG_MAGIC)
    while place < len(png):
        end = place + 12 + int.from_bytes(png[place : place + 4], "big")  # length, type, content, checksum
        kept += [] if png[place + 4 : place + 8] in PNG_TEXT else [png[place:end]]
        place = end
    return b"".join(kept)


def _scale_transparency(image: ImageFile) -> None:
    """Brings the transparent level of a PNG, which is of the file's depth, to the 8 bits of the pixels."""
    level, depth = image.info.get("transparency"), image.tile[0][3] if image.format == "PNG" and image.tile else None
    if level is not None and depth in ("L;2", "L;4"):
        image.info["transparency"] = level * (85 if depth == "L;2" else 17)  # 3 * 85 = 15 * 17 = 255
    elif level is not None and depth == "RGB;16B":
        image.info["transparency"] = tuple(value >> 8 for value in level)


def _unfit(image: ImageFile, max_pixels: int) -> str:
    """Returns why an image that can be opened cannot be used; "" if it can."""
    if min(image.size) < MIN_SIDE:
        return f"less than {MIN_SIDE} pixels wide or high"
    if image.format == "TIFF" and image.mode in UNRANGED_MODES:
        return "not of 8 or 16 bits a pixel"
    return too_large(image, max_pixels)


def _is_grey(image: Image.Image) -> bool:
    if image.mode not in PALETTE_MODES:
        return image.mode in GREY_MODES
    palette = np.array(image.getpalette("RGB") or [0, 0, 0]).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def _problem(error: Exception) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        return UNKNOWN
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):  # within WebP, TIFF and GIF
        found = re.search(r"[0-9]+ pixels", str(error))
        return f"{TOO_LARGE} ({found[0]})" if found else TOO_LARGE
    if isinstance(error, PermissionError | FileNotFoundError):
        return "cannot be opened"
    return "cut off or damaged"
