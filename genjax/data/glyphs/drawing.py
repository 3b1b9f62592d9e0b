"""The sets `glyphs` and `glyphs:letters`: characters drawn from font outlines, with all factors and a caption for each.

Any number of images can be drawn: image i depends on (seed, split, i, variant) alone. The ink is light on black, as in
the handwritten digits. Held-out images have other fonts than those for training.
"""

import math
from typing import NamedTuple

import numpy as np
from PIL import Image

from genjax.data.dataset import Dataset, LazyImages, decoded
from genjax.data.glyphs.fonts import FONTS, PADDING, Font, outlines
from genjax.data.glyphs.plain_captions import caption, grey_word
from genjax.data.images import resize
from genjax.data.request import Request
from genjax.errors import lookup

VARIANTS = {"digits": tuple("0123456789"), "letters": tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")}
DEFAULT_NUM = {"train": 2000, "test": 1000, "all": 3000}
COLOURS = {  # light enough to differ from the black background and from each other
    "white": (255, 255, 255),
    "red": (255, 60, 50),
    "orange": (255, 150, 30),
    "yellow": (255, 230, 60),
    "green": (70, 215, 85),
    "cyan": (60, 220, 230),
    "blue": (75, 120, 255),
    "purple": (175, 95, 255),
    "pink": (255, 140, 200),
}
GREY_LEVELS = (192, 255)
LARGEST_ANGLE = 15.0  # degrees, to either side
SIZES = (0.6, 0.9)  # smallest and largest size, as fractions of the frame
LARGEST_SHIFT = 0.08  # fraction of the frame, in each direction
MARGIN = 0.02  # fraction of the frame at each edge that stays without ink
OVERSAMPLING = 4  # factor by which the canvas is larger than the image, to which `RESIZE_RULE` shrinks it
CLASS_STREAM = 0xC1A  # keeps the order of classes independent of the draws for each image


class Glyph(NamedTuple):
    """The content of an image. Lengths are fractions of the frame's side.

    Attributes:
        symbol: digit or capital letter.
        font: font of its outline.
        colour: name in `COLOURS`, for images of three channels.
        grey: level of the ink, 192 to 255, for images of one channel.
        angle: rotation in degrees, anticlockwise.
        size: longer side of the box around the outline's turned box.
        x: offset of that box's centre from the frame's centre, to the right.
        y: offset downwards.
    """

    symbol: str
    font: Font
    colour: str
    grey: int
    angle: float
    size: float
    x: float
    y: float


def load_glyphs(variant: str, request: Request) -> Dataset:
    """Draws glyphs, by default 2,000 for training and 1,000 held out.

    Args:
        variant: ``digits`` (or "") or ``letters`` (capitals).
        request: size, split, number, seed and channels: 3 give the ink a colour, 0 or 1 a light grey. The split
            ``all`` uses the fonts of both splits.
    Returns:
        Images with labels, captions, and the factors glyph, font, weight, slant, colour (a name; the level for grey
        images), angle, size, x and y as in `Glyph`.
    Raises:
        InputError: no such variant.
    """
    variant = variant or "digits"
    symbols = lookup(VARIANTS, variant, "variant of glyphs")
    labels, drawn = sample_glyphs(variant, request)
    channels, size = request.channels or 1, request.size
    masks = outlines(FONTS[request.split], symbols, OVERSAMPLING * size)

    def read(i: int) -> np.ndarray:
        glyph = drawn[i]
        ink = COLOURS[glyph.colour] if channels == 3 else (glyph.grey,)
        return draw(glyph, masks[glyph.font.name, glyph.symbol], ink, size)

    return Dataset(
        name="glyphs" if variant == "digits" else f"glyphs:{variant}",
        split=request.split,
        images=decoded(LazyImages(read, np.arange(len(drawn)), (len(drawn), size, size, channels))),
        labels=labels,
        class_names=symbols,
        factors=_factors(drawn, channels),
        captions=tuple(_caption(glyph, channels) for glyph in drawn),
    )


def sample_glyphs(variant: str, request: Request) -> tuple[np.ndarray, list[Glyph]]:
    """Samples the class and the content of each image, balanced: one permutation of the classes after another.

    Returns:
        Labels int32 (n,), and n glyphs.
    """
    symbols, fonts = VARIANTS[variant], FONTS[request.split]
    n = request.num or DEFAULT_NUM[request.split]
    stream = (request.seed, list(FONTS).index(request.split), list(VARIANTS).index(variant))
    blocks = [
        np.random.default_rng((*stream, block, CLASS_STREAM)).permutation(len(symbols))
        for block in range(-(-n // len(symbols)))
    ]
    labels = np.concatenate(blocks)[:n].astype(np.int32)
    rngs = (np.random.default_rng((*stream, i)) for i in range(n))
    return labels, [_sample(symbols[label], fonts, rng) for label, rng in zip(labels, rngs, strict=True)]


def draw(glyph: Glyph, outline: Image.Image, ink: tuple[int, ...], size: int) -> np.ndarray:
    """Draws a glyph on black.

    Args:
        glyph: content of the image.
        outline: outline of its symbol in its font, white on black.
        ink: levels of the ink, one or three channels.
        size: height and width of the image.
    Returns:
        uint8 (size, size, channels).
    """
    canvas = OVERSAMPLING * size
    cos, sin = math.cos(math.radians(glyph.angle)), math.sin(math.radians(glyph.angle))
    width, height = outline.width - 2 * PADDING, outline.height - 2 * PADDING
    # A box w x h turned by a fits into (w cos a + h sin a) x (w sin a + h cos a).
    longer = max(width * cos + height * abs(sin), width * abs(sin) + height * cos)
    shrink = longer / (glyph.size * canvas)  # pixels of the outline for one pixel of the canvas
    # Pillow wants the inverse map, from canvas to outline: to the glyph's centre, rotation, to the outline's centre.
    x, y = (0.5 + glyph.x) * canvas, (0.5 + glyph.y) * canvas
    a, b = shrink * cos, -shrink * sin
    back = (a, b, outline.width / 2 - a * x - b * y, -b, a, outline.height / 2 + b * x - a * y)
    turned = outline.transform((canvas, canvas), Image.Transform.AFFINE, back, Image.Resampling.BICUBIC)
    mask = np.asarray(resize(turned, size), np.uint16)[..., None]
    return ((mask * np.array(ink, np.uint16) + 127) // 255).astype(np.uint8)


def _sample(symbol: str, fonts: tuple[Font, ...], rng: np.random.Generator) -> Glyph:
    font = fonts[rng.integers(len(fonts))]
    colour = list(COLOURS)[rng.integers(len(COLOURS))]
    grey = int(rng.integers(GREY_LEVELS[0], GREY_LEVELS[1] + 1))
    angle, size = rng.uniform(-LARGEST_ANGLE, LARGEST_ANGLE), rng.uniform(*SIZES)
    room = min(LARGEST_SHIFT, (1 - size) / 2 - MARGIN)
    return Glyph(symbol, font, colour, grey, angle, size, rng.uniform(-room, room), rng.uniform(-room, room))


def _factors(drawn: list[Glyph], channels: int) -> dict[str, np.ndarray]:
    return {
        "glyph": np.array([glyph.symbol for glyph in drawn]),
        "font": np.array([glyph.font.name for glyph in drawn]),
        "weight": np.array([glyph.font.weight for glyph in drawn]),
        "slant": np.array([glyph.font.slant for glyph in drawn]),
        "colour": np.array([glyph.colour if channels == 3 else glyph.grey for glyph in drawn]),
        "angle": np.array([glyph.angle for glyph in drawn]),
        "size": np.array([glyph.size for glyph in drawn]),
        "x": np.array([glyph.x for glyph in drawn]),
        "y": np.array([glyph.y for glyph in drawn]),
    }


def _caption(glyph: Glyph, channels: int) -> str:
    return caption(
        symbol=glyph.symbol,
        colour=glyph.colour if channels == 3 else grey_word(glyph.grey),
        size=glyph.size,
        weight=glyph.font.weight,
        slant=glyph.font.slant,
        angle=glyph.angle,
    )
