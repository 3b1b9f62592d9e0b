"""Places the ink of scanned letters as `draw_face` places those of a font: one scale, one baseline, nothing cut off.

A scan says neither where its baseline is nor how large the letters are that were not scanned. Both are taken from what
is usual: `ABOVE`, `BELOW` and `WIDTH` of each character.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from PIL import Image

from genjax.data.fonts.drawing import CHARACTERS, FILLED

# What is usual of each character, in thousandths of the height of H: ink above the baseline, ink below it, and its
# width. Medians over the regular faces of the 141 training families (genjax.data.fonts.families).
ABOVE = (
    *(1000, 1000, 1016, 1000, 1000, 1000, 1016, 1000, 1000, 1000, 1000, 1000, 1000),  # A to M
    *(1000, 1016, 1000, 1016, 1000, 1016, 1000, 1000, 1000, 1000, 1000, 1000, 1000),  # N to Z
    *(740, 1051, 742, 1050, 743, 1056, 749, 1051, 1021, 1022, 1050, 1051, 742),  # a to m
    *(742, 743, 742, 742, 737, 743, 929, 732, 732, 732, 731, 732, 731),  # n to z
    *(1011, 1000, 1011, 1011, 1000, 1000, 1011, 1000, 1011, 1011),  # 0 to 9
)
BELOW = (
    *(0, 0, 17, 0, 0, 0, 17, 0, 0, 17, 0, 0, 0),  # A to M
    *(0, 17, 0, 205, 0, 17, 0, 17, 0, 0, 0, 0, 0),  # N to Z
    *(17, 16, 17, 17, 17, 0, 307, 0, 0, 305, 0, 0, 0),  # a to m
    *(0, 17, 301, 300, 0, 17, 12, 17, 0, 0, 0, 305, 0),  # n to z
    *(17, 0, 0, 17, 0, 17, 17, 0, 17, 17),  # 0 to 9
)
WIDTH = (
    *(951, 901, 927, 989, 837, 804, 1000, 1012, 401, 650, 907, 772, 1215),  # A to M
    *(1023, 1044, 858, 1053, 904, 832, 838, 989, 940, 1352, 911, 879, 841),  # N to Z
    *(769, 835, 723, 837, 771, 525, 808, 818, 361, 414, 746, 377, 1236),  # a to m
    *(822, 811, 839, 833, 544, 672, 517, 812, 738, 1089, 734, 747, 682),  # n to z
    *(858, 587, 802, 799, 822, 802, 819, 764, 818, 819),  # 0 to 9
)
MOST_SPREAD = 0.35  # standard deviation of the logarithm of heights beside usual ones; of 171 families 0.29 at most


class Placed(NamedTuple):
    """Letters as `fonts` has them.

    Attributes:
        images: uint8 (n, size, size, 1), white on black.
        one_scale: False if the scans cannot have had one scale, and each letter was given its usual height.
    """

    images: np.ndarray
    one_scale: bool


def place(letters: Mapping[str, np.ndarray], size: int) -> Placed:
    """Places the ink of letters in images, in one scale and on one baseline.

    The scale is that of `draw_face`: the widest character and the span from the highest to the lowest fit. Characters
    that are not given count with their usual size beside those that are.

    Args:
        letters: {character: ink (h, w), uint8, cropped to it}.
        size: height and width of an image.
    """
    places = [CHARACTERS.index(char) for char in letters]
    usual = np.array([ABOVE, BELOW, WIDTH], np.float64)[:, places]
    height, width = np.array([ink.shape for ink in letters.values()], np.float64).T
    beside = height / (usual[0] + usual[1])  # pixels of a scan for a thousandth of H
    one_scale = bool(np.std(np.log(beside)) <= MOST_SPREAD)
    unit = np.median(beside)
    # Pixels of a scan are those of all, or each scan is brought to the usual height of its letter first.
    factor = np.ones_like(beside) if one_scale else unit / beside
    height, width = factor * height, factor * width
    above = height * usual[0] / (usual[0] + usual[1])  # the baseline divides the ink as is usual
    boxes = np.array([ABOVE, BELOW, WIDTH], np.float64) * np.array([unit, unit, np.median(width / usual[2])])[:, None]
    boxes[:, places] = [above, height - above, width]
    top, bottom, widest = boxes.max(axis=1)
    side = max(top + bottom, widest) / FILLED  # of an image, in pixels of a scan
    baseline = side / 2 + (top - bottom) / 2
    images = [
        _in_square(ink, size, side / one, left=(side / one - ink.shape[1]) / 2, top=(baseline - high) / one)
        for ink, one, high in zip(letters.values(), factor, above, strict=True)
    ]
    return Placed(np.stack(images)[..., None], one_scale)


def _in_square(ink: np.ndarray, size: int, side: float, *, left: float, top: float) -> np.ndarray:
    """Draws ink into a black square of `side` pixels of the scan, and brings that to `size`: uint8 (size, size)."""
    canvas = Image.new("L", (int(side) + 3, int(side) + 3))
    canvas.paste(Image.fromarray(ink), (int(left) + 1, int(top) + 1))  # whole pixels: the box begins at the rest
    x, y = 1 - left % 1, 1 - top % 1
    return np.asarray(canvas.resize((size, size), Image.Resampling.BICUBIC, box=(x, y, x + side, y + side)))
