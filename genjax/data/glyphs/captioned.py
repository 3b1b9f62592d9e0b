"""The set `glyphs:captioned` for text to image: one or two coloured digits on black, with captions of all attributes.

Like plain glyphs, any number can be drawn and every factor is known. Unlike them, the values of each attribute are far
apart, so that a person or a classifier can tell them, and some combinations are never in the training set. The split
`test` has trained combinations in other fonts; `captioned:held_out` has the held-out combinations, in the fonts of the
requested split.
"""

import math
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from genjax.data.dataset import Dataset, LazyImages, decoded
from genjax.data.glyphs.captions import VALUES, Attributes, caption
from genjax.data.glyphs.combinations import COMBINATIONS, Combination
from genjax.data.glyphs.drawing import COLOURS, LARGEST_SHIFT, MARGIN, OVERSAMPLING, Glyph, draw
from genjax.data.glyphs.fonts import FONTS, PADDING, Font, outlines
from genjax.data.request import Request
from genjax.errors import InputError, lookup

DEFAULT_NUM = {"train": 20_000, "test": 1000, "all": 21_000}  # a prior memorises a few thousand

# Height of an upright glyph as a fraction of the frame: (count, size) -> (lowest, highest). Two must fit side by side.
HEIGHTS = {
    (1, "ordinary"): (0.66, 0.78),
    (1, "small"): (0.40, 0.48),
    (2, "ordinary"): (0.45, 0.48),
    (2, "small"): (0.35, 0.39),
}
ANGLES = {"upright": (-3.0, 3.0), "left": (12.0, 18.0), "right": (-18.0, -12.0)}  # degrees, anticlockwise
# Width and height of the ink of a turned glyph, divided by its upright height: the largest of any font at 18 degrees.
WIDEST, TALLEST = 1.0, 1.15
# These keep the draws independent of those of plain glyphs, and the order of combinations of the other draws.
STREAM, ORDER_STREAM = 0xCA9, 0x0D3


class Scene(NamedTuple):
    """The content of an image. Lengths are fractions of the frame's side.

    Attributes:
        attributes: attributes that its caption names.
        font: font of the outlines.
        angle: rotation in degrees, anticlockwise.
        height: height of each glyph before it is turned.
        x: offset of the glyphs' common centre from the frame's centre, to the right.
        y: offset downwards.
        colour_first: True if its caption names the colour before the weight.
    """

    attributes: Attributes
    font: Font
    angle: float
    height: float
    x: float
    y: float
    colour_first: bool


def load_captioned_glyphs(variant: str, request: Request) -> Dataset:
    """Draws captioned glyphs, by default 20,000 for training and 1,000 held out.

    Args:
        variant: ``trained`` (or "") for the combinations of the training set, ``held_out`` for the others, ``all`` for
            both.
        request: size, split (which selects the fonts), number and seed; channels must be 3, or 0, which means 3.
    Returns:
        Images with the digits as labels, captions, and the factors count, size, weight, colour, glyph and tilt as in
        `captions.Attributes`, and font, angle, height, x and y as in `Scene`.
    Raises:
        InputError: no such variant, or grey images, which would not show what the captions say.
    """
    variant = variant or "trained"
    combinations = lookup(COMBINATIONS, variant, "variant of glyphs:captioned")()
    if request.channels == 1:
        raise InputError("--channels 1: the captions of glyphs:captioned name colours. Use --channels 3, or 0.")
    drawn = sample_scenes(combinations, request, stream=list(COMBINATIONS).index(variant))
    size, symbols = request.size, VALUES["glyph"]
    masks = {key: _to_its_ink(mask) for key, mask in outlines(_upright(request), symbols, OVERSAMPLING * size).items()}

    def read(i: int) -> np.ndarray:
        return draw_scene(drawn[i], masks[drawn[i].font.name, drawn[i].attributes.glyph], size)

    return Dataset(
        name="glyphs:captioned" if variant == "trained" else f"glyphs:captioned:{variant}",
        split=request.split,
        images=decoded(LazyImages(read, np.arange(len(drawn)), (len(drawn), size, size, 3))),
        labels=np.array([int(scene.attributes.glyph) for scene in drawn], np.int32),
        class_names=symbols,
        factors=_factors(drawn),
        captions=tuple(caption(scene.attributes, colour_first=scene.colour_first) for scene in drawn),
    )


def sample_scenes(combinations: tuple[Combination, ...], request: Request, *, stream: int = 0) -> list[Scene]:
    """Samples the content of each image: one permutation of the combinations after another.

    Args:
        combinations: combinations to show, each about equally often.
        request: request, of which split, num and seed are read. The scenes of a smaller num are the first of a larger.
        stream: number of the selection of combinations, which makes its draws independent of another's.
    """
    n = request.num or DEFAULT_NUM[request.split]
    seeds = (request.seed, list(FONTS).index(request.split), STREAM, stream)
    blocks = range(-(-n // len(combinations)))
    orders = [np.random.default_rng((*seeds, block, ORDER_STREAM)).permutation(len(combinations)) for block in blocks]
    fonts = _upright(request)
    return [
        _sample(combinations[index], fonts, np.random.default_rng((*seeds, i)))
        for i, index in enumerate(np.concatenate(orders)[:n])
    ]


def draw_scene(scene: Scene, outline: Image.Image, size: int) -> np.ndarray:
    """Draws a scene.

    Args:
        scene: content of the image.
        outline: outline of its glyph, cropped to its ink.
        size: height and width of the image.
    Returns:
        uint8 (size, size, 3).
    """
    cos, sin = math.cos(math.radians(scene.angle)), abs(math.sin(math.radians(scene.angle)))
    width, height = outline.width - 2 * PADDING, outline.height - 2 * PADDING
    scale = scene.height / height  # fraction of the frame for one pixel of the outline
    room = scale * max(width * cos + height * sin, width * sin + height * cos)
    right, down = _ink_off_its_middle(outline, scene.angle)
    count, ink = scene.attributes.count, COLOURS[scene.attributes.colour]
    glyph = Glyph(
        scene.attributes.glyph,
        scene.font,
        scene.attributes.colour,
        grey=255,
        angle=scene.angle,
        size=room,
        x=scene.x - scale * right,
        y=scene.y - scale * down,
    )
    places = [(place + 0.5) / count - 0.5 for place in range(count)]
    return np.maximum.reduce([draw(glyph._replace(x=glyph.x + place), outline, ink, size) for place in places])


def _ink_off_its_middle(outline: Image.Image, angle: float) -> tuple[float, float]:
    """Measures the offset of the ink's middle from that of the turned outline, in pixels right and down."""
    turned = outline.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    left, top, right, bottom = turned.getbbox() or (0, 0, *turned.size)
    return (left + right - turned.width) / 2, (top + bottom - turned.height) / 2


def _sample(combination: Combination, fonts: tuple[Font, ...], rng: np.random.Generator) -> Scene:
    count, size = VALUES["count"][rng.integers(2)], VALUES["size"][rng.integers(2)]
    attributes = Attributes(count, size, combination.weight, combination.colour, combination.glyph, combination.tilt)
    choices = [font for font in fonts if font.weight == combination.weight]
    font = choices[rng.integers(len(choices))]
    angle, height = rng.uniform(*ANGLES[combination.tilt]), rng.uniform(*HEIGHTS[count, size])
    x_room = min(LARGEST_SHIFT, (1 / count - WIDEST * height) / 2 - MARGIN / count)
    y_room = min(LARGEST_SHIFT, (1 - TALLEST * height) / 2 - MARGIN)
    x, y = rng.uniform(-x_room, x_room), rng.uniform(-y_room, y_room)
    return Scene(attributes, font, angle, height, x, y, bool(rng.integers(2)))


def _factors(drawn: list[Scene]) -> dict[str, np.ndarray]:
    said = {name: np.array([getattr(scene.attributes, name) for scene in drawn]) for name in VALUES}
    font = {"font": np.array([scene.font.name for scene in drawn])}
    numbers = ("angle", "height", "x", "y")
    return said | font | {name: np.array([getattr(scene, name) for scene in drawn]) for name in numbers}


def _upright(request: Request) -> tuple[Font, ...]:
    """Selects the upright fonts of a split: italic digits would look tilted."""
    return tuple(font for font in FONTS[request.split] if font.slant == "upright")


def _to_its_ink(outline: Image.Image) -> Image.Image:
    """Crops an outline to its ink, so that its box is the visible one."""
    return ImageOps.expand(outline.crop(outline.getbbox()), PADDING)
