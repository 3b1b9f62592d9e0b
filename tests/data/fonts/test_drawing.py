"""Drawn characters: nothing is cut off, one scale and one baseline, and what is no font is refused."""

import os
from contextlib import suppress
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from genjax.data.fonts.drawing import CHARACTERS, check_font_file, draw_face
from genjax.data.fonts.faces import face_named
from genjax.errors import InputError


def drawn(spec, size=32):
    face = face_named(spec)
    return draw_face(face.path, face.axes, size)


def rows(image):
    """First and last row with ink."""
    inked = np.flatnonzero(image.max(axis=(1, 2)) > 128)
    return inked[0], inked[-1]


@pytest.mark.parametrize("spec", ["caveat", "great-vibes", "press-start-2p"])
def test_nothing_is_cut_off(spec):
    images, characters = drawn(spec)
    assert characters == CHARACTERS
    assert images.shape == (62, 32, 32, 1)
    edges = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]])
    assert edges.max() < 32, "ink at the edge is ink that may have been cut"
    assert images.max(axis=(1, 2, 3)).min() > 100, "an empty image is a character that was not drawn"


def test_the_largest_character_fills_the_image_and_small_letters_stay_small():
    images, _ = drawn("roboto", 64)
    heights = {char: np.ptp(rows(images[CHARACTERS.index(char)])) for char in "Hhxg"}
    assert heights["x"] < 0.8 * heights["H"] < heights["h"] + 1
    spans = [np.ptp(np.flatnonzero(images.max(axis=(0, axis, 3)) > 128)) for axis in (1, 2)]
    assert 0.8 * 64 <= max(spans) + 1 <= 0.95 * 64


def test_letters_stand_on_one_line():
    images, _ = drawn("roboto-mono", 64)
    assert len({rows(images[CHARACTERS.index(char)])[1] for char in "HEILTxzhkm"}) == 1


def test_a_heavier_weight_has_more_ink():
    ink = [drawn(f"roboto:{weight}")[0].mean() for weight in (200, 400, 700, 900)]
    assert ink == sorted(ink)
    assert ink[-1] > 1.5 * ink[0]


def test_a_font_that_lacks_characters_gives_those_that_it_has(tmp_path):
    from fontTools import subset

    face, small = face_named("lobster"), tmp_path / "small.ttf"
    options = subset.Options()
    font = subset.load_font(str(face.path), options, lazy=False)
    few = subset.Subsetter(options)
    few.populate(text="AbC1")
    few.subset(font)
    subset.save_font(font, str(small), options)
    font.close()
    images, characters = draw_face(small, {}, 16)
    assert characters == "ACb1"
    assert len(images) == 4


@pytest.mark.parametrize("content", [b"", b"no font", b"\x00\x01\x00\x00" + bytes(200), b"OTTO" + b"\xff" * 4000])
def test_what_is_no_font_is_refused(tmp_path, content):
    path = tmp_path / "font.ttf"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"font\.ttf cannot be drawn as a font .*Use a \.ttf or \.otf file"):
        draw_face(path, {}, 16)


def test_a_font_of_other_signs_is_refused_in_a_sentence():
    signs = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "STIXSizOneSymReg.ttf"
    with pytest.raises(InputError, match=r"^the font STIXSizOneSymReg\.ttf has no letter and no digit\. Use a "):
        draw_face(signs, {}, 16)


def test_a_damaged_font_is_refused_or_drawn(tmp_path):
    whole, path = face_named("lobster").path.read_bytes(), tmp_path / "font.ttf"
    random = np.random.default_rng(0)
    for _ in range(20):
        spoiled = np.frombuffer(whole, np.uint8).copy()
        places = random.integers(0, len(spoiled), 200)
        spoiled[places] = random.integers(0, 256, 200)
        path.write_bytes(spoiled.tobytes()[: random.integers(100, len(whole))])
        with suppress(InputError):
            images, characters = draw_face(path, {}, 16)
            assert len(images) == len(characters)


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    for path, line in ((tmp_path / "none.ttf", "No such file"), (tmp_path, "is no file")):
        with pytest.raises(InputError, match=line):
            check_font_file(path)
    os.mkfifo(tmp_path / "pipe.ttf")
    with pytest.raises(InputError, match="is no file"):
        check_font_file(tmp_path / "pipe.ttf")
