"""One or two coloured digits on black, whose captions say all that can be asked for: a set for text to image.

As `glyphs`, any number can be drawn and every factor is known; but the factors are apart from each other, so that a
person or a classifier can tell them, and some combinations of them are never in the set for training. The held-out
images of the split `test` are of trained combinations in other fonts; those of `captioned:held_out` are of the other
combinations, in the fonts of the split.
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

DEFAULT_NUM = {"train": 20_000, "test": 1000, "all": 21_000}  # a prior learns a few thousand by heart

# Heights of a glyph before it is turned, as parts of the frame: (count, size) -> from, to. Two fit side by side.
HEIGHTS = {
    (1, "ordinary"): (0.66, 0.78),
    (1, "small"): (0.40, 0.48),
    (2, "ordinary"): (0.45, 0.48),
    (2, "small"): (0.35, 0.39),
}
ANGLES = {"upright": (-3.0, 3.0), "left": (12.0, 18.0), "right": (-18.0, -12.0)}  # degrees, anticlockwise
WIDEST, TALLEST = 1.0, 1.15  # ink of a turned glyph, in its height when upright, of any font at 18 degrees
STREAM, ORDER_STREAM = 0xCA9, 0x0D3  # keep these images apart from plain glyphs, and their order from what they show


class Scene(NamedTuple):
    """All that an image shows.

    Attributes:
        attributes: that its caption says.
        font: of the outlines.
        angle: degrees, anticlockwise.
        height: of each glyph before it is turned, as part of the frame.
        x: centre of all glyphs from the centre of the frame, as part of the frame; to the right.
        y: the same, downwards.
        colour_first: whether its caption says the colour before the weight.
    """

    attributes: Attributes
    font: Font
    angle: float
    height: float
    x: float
    y: float
    colour_first: bool


def load_captioned_glyphs(variant: str, request: Request) -> Dataset:
    """The captioned glyphs that a request means; where it names no number, 20,000 to train, 1,000 held out.

    Args:
        variant: ``trained`` (or "") for the combinations that are trained on, ``held_out`` for those that never are,
            ``all`` for both.
        request: its split chooses the fonts; 0 channels mean 3.
    Returns:
        Images with the digits as labels, captions, and the factors count, size, weight, colour, glyph and tilt as in
        `glyph_captions.Attributes`, and font, angle, height, x and y as in `Scene`.
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
    """What each image is to show: one permutation of the combinations after another.

    Args:
        combinations: to be shown, each about equally often.
        request: split, num and seed. The scenes of a smaller num are the first of a larger one.
        stream: keeps what is drawn for one selection of combinations apart from another's.
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
    """A scene whose glyph has that outline, cropped to its ink: uint8 (size, size, 3)."""
    cos, sin = math.cos(math.radians(scene.angle)), abs(math.sin(math.radians(scene.angle)))
    width, height = outline.width - 2 * PADDING, outline.height - 2 * PADDING
    scale = scene.height / height  # of the frame, for one pixel of the outline
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
    """How far right and down of the middle of a turned outline the middle of its ink is, in pixels."""
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
    """Italic digits would look tilted."""
    return tuple(font for font in FONTS[request.split] if font.slant == "upright")


def _to_its_ink(outline: Image.Image) -> Image.Image:
    """The outline without the bearings beside it, so that its box is what is seen."""
    return ImageOps.expand(outline.crop(outline.getbbox()), PADDING)
