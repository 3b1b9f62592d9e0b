"""Fonts of the glyphs (DejaVu, STIX and Computer Modern, which come with matplotlib), and outlines made from them."""

from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

PADDING = 2  # empty pixels around an outline, so that its edge stays smooth when it is turned


class Font(NamedTuple):
    """A font file, with its weight and slant in the words of captions."""

    name: str
    weight: str
    slant: str


TRAIN_FONTS = (
    Font("DejaVuSans", "regular", "upright"),
    Font("DejaVuSans-Bold", "bold", "upright"),
    Font("DejaVuSans-Oblique", "regular", "italic"),
    Font("DejaVuSans-BoldOblique", "bold", "italic"),
    Font("DejaVuSansMono", "regular", "upright"),
    Font("DejaVuSansMono-Bold", "bold", "upright"),
    Font("DejaVuSansMono-Oblique", "regular", "italic"),
    Font("DejaVuSansMono-BoldOblique", "bold", "italic"),
    Font("STIXGeneral", "regular", "upright"),
    Font("STIXGeneralBol", "bold", "upright"),
    Font("STIXGeneralItalic", "regular", "italic"),
    Font("STIXGeneralBolIta", "bold", "italic"),
    Font("cmr10", "regular", "upright"),
    Font("cmb10", "bold", "upright"),
    Font("cmti10", "regular", "italic"),
    Font("cmtt10", "regular", "upright"),
)
HELD_OUT_FONTS = (  # like the training fonts: with and without serifs, regular and bold, upright and italic
    Font("DejaVuSerif", "regular", "upright"),
    Font("DejaVuSerif-Bold", "bold", "upright"),
    Font("DejaVuSerif-Italic", "regular", "italic"),
    Font("DejaVuSerif-BoldItalic", "bold", "italic"),
    Font("cmss10", "regular", "upright"),
)
FONTS = {"train": TRAIN_FONTS, "test": HELD_OUT_FONTS, "all": TRAIN_FONTS + HELD_OUT_FONTS}


def outlines(fonts: tuple[Font, ...], symbols: tuple[str, ...], pixels: int) -> dict[tuple[str, str], Image.Image]:
    """Renders symbols white on black, each cropped to its ink and `PADDING`.

    Args:
        fonts: fonts to render.
        symbols: characters to render in each font.
        pixels: size of an em in pixels.
    Returns:
        {(name of the font, symbol): 8-bit grey image}.
    """
    return {
        (font.name, symbol): _outline(face, symbol)
        for font in fonts
        for face in [_face(font, pixels)]
        for symbol in symbols
    }


def _face(font: Font, pixels: int) -> ImageFont.FreeTypeFont:
    import matplotlib  # half a second that the other sets do not need

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{font.name}.ttf"
    # The basic layout is in every build of Pillow, so that all machines draw equal images.
    return ImageFont.truetype(str(path), pixels, layout_engine=ImageFont.Layout.BASIC)


def _outline(face: ImageFont.FreeTypeFont, symbol: str) -> Image.Image:
    left, top, right, bottom = (int(edge) for edge in face.getbbox(symbol))
    image = Image.new("L", (right - left + 2 * PADDING, bottom - top + 2 * PADDING))
    ImageDraw.Draw(image).text((PADDING - left, PADDING - top), symbol, fill=255, font=face)
    return image
