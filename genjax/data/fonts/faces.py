"""The faces of a family of fonts: its weights, upright and italic, as files with the values of their axes."""

import importlib.util
import json
import re
from pathlib import Path
from typing import NamedTuple

from genjax.data.fonts.families import FAMILIES
from genjax.errors import InputError, did_you_mean

WEIGHTS = (200, 300, 400, 500, 600, 700, 800, 900)  # of CSS; 100 is less than a pixel wide at 32
MOST = 4  # weights of a family that are drawn
REGULAR = 400
CATEGORIES = {  # of Google Fonts, in the words of captions
    "SANS_SERIF": "sans serif",
    "SERIF": "serif",
    "DISPLAY": "display",
    "HANDWRITING": "handwritten",
    "MONOSPACE": "monospaced",
}


class Face(NamedTuple):
    """One face of a family.

    Attributes:
        family: its name, as in `FAMILIES`.
        weight: 200 (thin) to 900 (black); 400 is regular.
        italic: whether it slants.
        category: sans serif, serif, display, handwritten or monospaced.
        path: of its file.
        variable: whether the file has an axis of weights, on which `weight` lies.
    """

    family: str
    weight: int
    italic: bool
    category: str
    path: Path
    variable: bool

    @property
    def name(self) -> str:
        """Returns ``lora:700italic``, which `fonts:` takes; of a font of the user's the name of its file."""
        return f"{self.family}:{self.weight}{'italic' if self.italic else ''}"

    @property
    def axes(self) -> dict[str, float]:
        """Returns where on its axes the face lies."""
        return {"wght": self.weight} if self.variable else {}


def faces_of(family: str, most: int = MOST) -> list[Face]:
    """Lists the faces of a family: each of at most `most` weights upright, then italic.

    Raises:
        InputError: its package is not installed.
    """
    weights = weights_of(family)
    chosen = (
        weights if len(weights) <= most else [weights[round(i * (len(weights) - 1) / (most - 1))] for i in range(most)]
    )
    return [face for italic in (False, True) for weight in chosen for face in _face(family, weight, italic)]


def weights_of(family: str) -> list[int]:
    """Lists the weights that a family has upright, ascending, of `WEIGHTS`."""
    found: set[int] = set()
    for file in _described(family).files:
        if file.style == "normal":
            known = [file.weight] if not file.variable else WEIGHTS
            low, high = (file.wght_min or REGULAR, file.wght_max or REGULAR) if file.variable else (0, 1000)
            found.update(weight for weight in known if weight in WEIGHTS and low <= weight <= high)
    return sorted(found)


def face_named(spec: str) -> Face:
    """Finds the face that ``FAMILY``, ``FAMILY:WEIGHT`` or ``FAMILY:WEIGHTitalic`` names.

    Raises:
        InputError: no such family, or no such weight of it.
    """
    name, _, style = spec.partition(":")
    family = name.strip().lower().replace(" ", "-")
    known = [one for families in FAMILIES.values() for one in families]
    if family not in known:
        raise InputError(f"unknown family of fonts {name!r}. {did_you_mean(family, known)}")
    weights = weights_of(family)
    found = re.fullmatch(r"(\d{3})?(italic)?", style.strip().lower())
    weight = int(found[1]) if found and found[1] else min(weights, key=lambda one: abs(one - REGULAR))
    faces = _face(family, weight, bool(found[2])) if found and weight in weights else []
    if not faces:
        italic = " and italic" if _face(family, weights[0], True) else ""
        raise InputError(
            f"{family} has no face {style!r}. It has the weights {', '.join(map(str, weights))}, upright{italic}:"
            f" fonts:{family}:{weights[-1]}{'italic' if italic else ''}."
        )
    return faces[0]


def _face(family: str, weight: int, italic: bool) -> list[Face]:
    about = _described(family)
    category = _category(about.files[0].path.parents[1] / "metadata.json")
    for file in about.files:
        low, high = (file.wght_min, file.wght_max) if file.variable else (file.weight, file.weight)
        if (low or REGULAR) <= weight <= (high or REGULAR) and (file.style == "italic") == italic:
            return [Face(family, weight, italic, category, file.path, file.variable)]
    return []


def _category(path: Path) -> str:
    return CATEGORIES[json.loads(path.read_text(encoding="utf-8"))["category"][0]]


def _described(family: str):
    if importlib.util.find_spec("fontpkg") is not None:
        import fontpkg  # of the extra `fonts`

        installed = fontpkg.families()
        if family in installed:
            return installed[family]
    raise InputError(
        f'the font {family} needs the package fontpkg-{family}. Install all fonts: pip install "genjax-images[fonts]".'
    )
