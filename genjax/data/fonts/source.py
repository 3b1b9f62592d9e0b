"""The sources `fonts` (a package each family) and `font` (a file of yours): characters as classes, a caption each."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from genjax.data.dataset import Dataset
from genjax.data.fonts.drawing import CHARACTERS, check_font_file, draw_face
from genjax.data.fonts.drawn import draw_faces
from genjax.data.fonts.faces import REGULAR, Face, face_named, faces_of
from genjax.data.fonts.families import FAMILIES
from genjax.data.request import Request, Spec, choose, held_out
from genjax.errors import InputError

VALIDATION = "validation"
WEIGHT_WORDS = {200: "thin", 300: "light", 500: "medium", 600: "semibold", 700: "bold", 800: "heavy", 900: "black"}
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def load_fonts(variant: str, request: Request) -> Dataset:
    """Loads the characters of fonts.

    Args:
        variant: "" for all families, of which 20 are held out; ``validation`` for ten that are in neither part, and
            count as held out; ``FAMILY``, ``FAMILY:WEIGHT`` or ``FAMILY:WEIGHTitalic`` for one face, of which a fifth
            of the characters is held out.
        request: size, channels, split, number and seed.
    Raises:
        InputError: an unknown family or weight, packages that are missing, or a request that cannot be met.
    """
    name = f"fonts:{variant}" if variant else "fonts"
    if variant and variant != VALIDATION:
        return _one_face(name, face_named(variant), request)
    families = FAMILIES[VALIDATION] if variant else _families(request.split)
    faces = [face for family in families for face in faces_of(family)]
    in_test = np.full(len(faces) * len(CHARACTERS), bool(variant) or request.split == "test")
    chosen = choose(name, request, in_test)
    whole = _described(name, faces, [CHARACTERS] * len(faces), draw_faces(faces, request.size))
    return _as_asked(whole.take(chosen), request)


def load_font_file(variant: str, request: Request) -> Dataset:
    """Loads the characters of a font file; those that it lacks are left out.

    Args:
        variant: path of a .ttf or .otf file.
        request: size, channels, split, number, seed, and root for a relative path.
    Raises:
        InputError: no path, no font, or a request that cannot be met.
    """
    if not variant:
        raise InputError("font needs a file. Use font:PATH.ttf.")
    path = (request.root or Path()) / Path(variant).expanduser()
    check_font_file(path)
    return _one_face(f"font:{variant}", Face(f"font:{path.stem}", REGULAR, False, "", path, False), request)


def caption(face: Face, char: str) -> str:
    """Writes the caption of a character: ``a bold italic serif capital q``, since words are read in lower case."""
    named = DIGITS[int(char)] if char.isdigit() else f"{'capital' if char.isupper() else 'small'} {char.lower()}"
    words = (WEIGHT_WORDS.get(face.weight, ""), "italic" if face.italic else "", face.category, named)
    style = " ".join(word for word in words if word)
    return f"{'an' if style[0] in 'aeiou' else 'a'} {style}"


def _families(split: str) -> tuple[str, ...]:
    return FAMILIES[split] if split in FAMILIES else tuple(name for part in FAMILIES.values() for name in part)


def _one_face(name: str, face: Face, request: Request) -> Dataset:
    images, characters = draw_face(face.path, face.axes, request.size)
    lacking = {f"{name}/{char}": "the font has no such character" for char in CHARACTERS if char not in characters}
    chosen = choose(name, request, held_out([f"font/{char}" for char in characters]))
    whole = _described(name, [face], [characters], images)
    return replace(_as_asked(whole.take(chosen), request), left_out=lacking)


def _described(name: str, faces: Sequence[Face], characters: Sequence[str], images: np.ndarray) -> Dataset:
    of_face = np.repeat(np.arange(len(faces)), [len(chars) for chars in characters])
    text = "".join(characters)
    return Dataset(
        name=name,
        split="all",
        images=images,
        labels=np.array([CHARACTERS.index(char) for char in text], np.int32),
        class_names=tuple(CHARACTERS),
        factors={
            "face": np.array([face.name for face in faces])[of_face],
            "family": np.array([face.family for face in faces])[of_face],
            "weight": np.array([face.weight for face in faces], np.int32)[of_face],
            "italic": np.array([face.italic for face in faces], np.int32)[of_face],
            "category": np.array([face.category for face in faces])[of_face],
        },
        captions=tuple(caption(faces[number], char) for number, char in zip(of_face.tolist(), text, strict=True)),
    )


def _as_asked(images: Dataset, request: Request) -> Dataset:
    pixels = np.repeat(images.images[:], request.channels or 1, axis=-1)
    return replace(images, images=pixels, split=request.split, whole=0)


FONTS = Spec(
    name="fonts",
    load=load_fonts,
    forms=("fonts", "fonts:FAMILY", "fonts:FAMILY:WEIGHT"),
    summary=(
        f"the letters and digits of {sum(map(len, FAMILIES.values()))} families of Google Fonts, white on black, in up"
        " to four weights, upright and italic, with 20 families held out; FAMILY is one face, as in"
        " fonts:lora:700italic"
    ),
    captions="fonts",
    extra="fonts",
)
FONT = Spec(
    name="font",
    load=load_font_file,
    forms=("font:PATH.ttf",),
    summary="the letters and digits of your own font",
)
