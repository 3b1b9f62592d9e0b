"""Conversion of images: value ranges, the resize rule, and the decoding of files.

uint8 from 0 to 255 in files, sets and metrics; float32 from -1 to 1 inside models. Always height, width, channels.
"""

import io
import re
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from PIL import Image, ImageOps
from PIL.ImageFile import ImageFile

try:
    from PIL import AvifImagePlugin

    HAS_AVIF = AvifImagePlugin.SUPPORTED
except ImportError:  # Pillow before 11.3
    HAS_AVIF = False

from genjax.data import png
from genjax.data.large_images import MAX_PIXELS, TOO_LARGE, load_pixels, opened, too_large
from genjax.data.transparency import in_mode, on_white, scale_levels
from genjax.errors import InputError

if TYPE_CHECKING:
    from jax import Array

AnyArray = TypeVar("AnyArray", np.ndarray, "Array")
Found = TypeVar("Found")

RESIZE_RULE = "centre crop to the largest square, then Pillow BICUBIC (antialiased when shrinking)"
# Formats that are read, as Pillow calls them and as people do; of several pictures in a file the first.
FORMATS = {"PNG": "PNG", "JPEG": "JPEG", "WEBP": "WebP", "GIF": "GIF", "BMP": "BMP", "TIFF": "TIFF"}
FORMATS |= {"AVIF": "AVIF"} if HAS_AVIF else {}
FORMAT_NAMES = f"{', '.join([*FORMATS.values()][:-1])} or {[*FORMATS.values()][-1]}"
UNKNOWN = "unknown format"  # the problem of a file that is no image
DAMAGED = "cut off or damaged"
NO_FILE = "no file"  # a broken link, or a pipe, whose reading would block
MIN_SIDE = 2  # smallest height and width in pixels: a single pixel is a tracking image of a web page, not a picture
GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N")
PALETTE_MODES = ("P", "PA")
UNRANGED_MODES = ("I", "F")  # of a TIFF: 32 bits for each pixel, and nothing says which number is white
IGNORED = ("ignore", None, Warning, re.compile("PIL"), 0)  # a filter of warnings: those that Pillow's modules give
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
    return _square(image).resize((size, size), Image.Resampling.BICUBIC)


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
    # Cropped first: what is cut off need not be converted.
    flat = in_mode(opaque(image if image.mode.startswith("I") else _square(image)), "L" if channels == 1 else "RGB")
    return np.asarray(resize(flat, size)).reshape(size, size, channels)


def opaque(image: Image.Image) -> Image.Image:
    """Converts a Pillow image of any mode to 8-bit grey (L) or RGB, transparent pixels over white."""
    if image.mode.startswith("I"):  # 16 bits for each pixel
        levels = np.rint(np.arange(1 << 16) / 257).astype(np.uint8)  # 65535 / 257 = 255
        clear = image.info.get("transparency")
        if isinstance(clear, int) and 0 <= clear < len(levels):
            levels[clear] = 255
        return Image.fromarray(levels[np.clip(np.asarray(image), 0, 65535)])
    mode = "L" if image.mode in GREY_MODES else "RGB"
    return in_mode(on_white(image) if image.has_transparency_data else image, mode)


def _square(image: Image.Image) -> Image.Image:
    """Crops to the largest square in the middle."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image if image.width == image.height else image.crop((left, top, left + side, top + side))


class Probe(NamedTuple):
    """Facts from the head of an image file.

    Attributes:
        grey: True if the file holds no colour.
        problem: reason why it cannot be used, in a few words; "" if none is known yet.
    """

    grey: bool
    problem: str = ""


class Picture(NamedTuple):
    """The content of an image file, read in one go.

    Attributes:
        probe: facts from its head; the problem is one of the pixels where these cannot be decoded.
        pixels: uint8 (size, size, 1 or 3); None where there is a problem, or only the head was read.
    """

    probe: Probe
    pixels: np.ndarray | None = None


def anyhow(pixels: int) -> AbstractContextManager[None]:
    """Lets an image be decoded whatever its number of pixels: the usual `gate` of `read`."""
    return nullcontext()


def read(
    file: IO[bytes],
    size: int,
    channels: int,
    gate: Callable[[int], AbstractContextManager[None]] = anyhow,
    *,
    max_pixels: int = MAX_PIXELS,
) -> Picture:
    """Reads the head and the pixels of an image file in one go, turned upright as its EXIF data says.

    Whoever calls it silences Pillow's remarks (`silenced`), once for many files. It may be called in several threads.

    Args:
        file: open file.
        size: height and width of the result; 0 reads the head only.
        channels: 1 or 3; 0 is 1 for a grey file and 3 for others.
        gate: makes the context in which an image of so many pixels is decoded, and may wait until there is memory.
        max_pixels: pixels of the largest image that can be used; one of more than `large_images.LARGE`, and a JPEG
            of more than these, is shrunk by a whole number before it is resized.
    """
    probe = Probe(False)

    def look(image: ImageFile) -> Picture:
        nonlocal probe
        probe = Probe(_is_grey(image), _unfit(image, max_pixels))
        if probe.problem or not size:
            return Picture(probe)
        with gate(image.width * image.height):
            return Picture(probe, _upright(image, size, channels or (1 if probe.grey else 3), max_pixels))

    try:
        return _looked_at(file, look)
    except UNREADABLE as error:
        return Picture(probe._replace(problem=problem_of(error)))


@contextmanager
def silenced() -> Iterator[None]:
    """Silences Pillow's remarks, such as those on odd metadata, in this and all other threads.

    Safe in any thread, as `warnings.catch_warnings` is not: it puts back filters that others have changed meanwhile.
    """
    filters: Any = warnings.filters  # the list itself: what is put in is taken out of the same
    filters.insert(0, IGNORED)
    try:
        yield
    finally:
        with suppress(ValueError):  # somebody has reset the filters
            filters.remove(IGNORED)


def decode(file: Path | IO[bytes], size: int, channels: int, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decodes an image file and turns it upright as its EXIF data says.

    Args:
        file: path or open file.
        size: height and width of the result.
        channels: 1 or 3.
        max_pixels: as for `read`.
    Returns:
        uint8 (size, size, channels).
    Raises:
        InputError: the file is too large, or cannot be decoded to its last pixel; the message is only the reason.
    """

    def pixels(image: ImageFile) -> np.ndarray | str:
        return too_large(image, max_pixels) or _upright(image, size, channels, max_pixels)

    try:
        with silenced(), file.open("rb") if isinstance(file, Path) else nullcontext(file) as content:
            found = _looked_at(content, pixels)
    except UNREADABLE as error:
        raise InputError(problem_of(error)) from None
    if isinstance(found, str):
        raise InputError(found)
    return found


def _upright(image: ImageFile, size: int, channels: int, max_pixels: int) -> np.ndarray:
    loaded = load_pixels(image, size, opaque, max_pixels=max_pixels)
    ImageOps.exif_transpose(loaded, in_place=True)
    return fit(loaded, size, channels)


def _looked_at(file: IO[bytes], look: Callable[[ImageFile], Found]) -> Found:
    """Opens an image and looks at it; a PNG that Pillow refuses for its long texts is looked at without them."""
    try:
        return _look(file, look)
    except ValueError:
        file.seek(0)
        content = file.read()
        if not content.startswith(png.MAGIC):
            raise
    return _look(io.BytesIO(png.without_text(content)), look)


def _look(file: IO[bytes], look: Callable[[ImageFile], Found]) -> Found:
    with opened(file, FORMATS) as image:
        scale_levels(image)
        return look(image)


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
    palette = np.frombuffer(bytes(image.getpalette("RGB") or [0, 0, 0]), np.uint8).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def problem_of(error: Exception) -> str:
    """Says in a few words why a file cannot be used."""
    if isinstance(error, Image.UnidentifiedImageError):
        return UNKNOWN
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):  # within WebP, TIFF and GIF
        found = re.search(r"[0-9]+ pixels", str(error))
        return f"{TOO_LARGE} ({found[0]})" if found else TOO_LARGE
    if isinstance(error, PermissionError | FileNotFoundError):
        return "cannot be opened"
    if isinstance(error, OSError) and error.errno:  # Pillow's own have no number
        return f"cannot be read: {error.strerror}"
    return DAMAGED
