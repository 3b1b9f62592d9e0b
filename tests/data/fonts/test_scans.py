"""Scanned letters: named by their files, brought to what `fonts` draws, and refused in one line each."""

import re

import numpy as np
import pytest
from PIL import Image, ImageDraw

from genjax.data import load
from genjax.data.fonts.drawing import CHARACTERS, font_of_size
from genjax.data.fonts.faces import face_named
from genjax.data.fonts.scans import _threshold, character_named, ink_of
from genjax.data.request import EmptySplitError
from genjax.errors import InputError

SHOTS = "ADGMRaegkt"


def scan(char, *, margins=(20, 20, 20, 20), pixels=160):
    """A letter of Roboto, 1 on 0, with these margins at its left, right, above and below it."""
    face = face_named("roboto")
    font = font_of_size(face.path, pixels, face.axes)
    left, top, right, bottom = font.getbbox(char, anchor="ls")
    image = Image.new("L", (int(right - left + sum(margins[:2])), int(bottom - top + sum(margins[2:]))))
    ImageDraw.Draw(image).text((margins[0] - left, margins[2] - top), char, fill=255, font=font, anchor="ls")
    return np.asarray(image) / 255


def write(folder, name, levels, **how):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8)).save(path, **how)


def written(char):
    return f"{'upper' if char.isupper() else 'lower'}_{char.lower()}"


def clean(folder, random, light):
    """PNG of unlike margins, black on white or white on black."""
    for char in SHOTS:
        image = scan(char, margins=random.integers(5, 60, 4))
        write(folder, f"{written(char)}.png", 255 * (1 - image if light else image))


def rough(folder, random, light):
    """Coloured JPEG of grainy grey paper, in class folders."""
    for char in SHOTS:
        image = scan(char, margins=random.integers(5, 60, 4))[..., None]
        paper, ink = np.array([200.0, 190, 170]), np.array([60.0, 40, 90])
        levels = (paper + (ink - paper) * image) + random.normal(0, 6, image.shape)
        write(folder, f"{written(char)}/1.jpg", levels if light else 255 - levels, quality=60)


@pytest.mark.parametrize("light", [True, False])
@pytest.mark.parametrize("make", [clean, rough])
def test_scans_come_back_as_the_font_draws_them(make, light, tmp_path):
    make(tmp_path, np.random.default_rng(0), light)
    scans, true = load(f"letters:{tmp_path}", size=32, channels=1), load("fonts:roboto", size=32, split="all")
    assert [CHARACTERS[label] for label in np.asarray(scans.labels)] == list(SHOTS)
    true = true.images[:][np.asarray(scans.labels)].astype(int)
    assert np.abs(scans.images[:] - true).mean() < 13, "of 255; a shift of one pixel is a distance of about 20"
    assert np.median(scans.images[:][true == 0]) == 0, "paper is black to the last grain"


def test_a_letter_that_fills_its_image_is_read_like_the_others(tmp_path):
    """The edge of a cropped H is mostly ink, and says nothing of the paper."""
    for char in "aet":
        write(tmp_path, f"{char}.png", 255 * (1 - scan(char)))
    whole = scan("H")
    rows, columns = (np.flatnonzero((whole > 0.9).any(axis=axis)) for axis in (1, 0))
    write(tmp_path, "H.png", 255 * (1 - whole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]))
    first = load(f"letters:{tmp_path}", size=32).images[0, ..., 0]
    middle = first[:, 14:18].max(axis=1) > 128  # rows that are inked between the stems
    assert 1 <= middle.sum() <= 6, "the bar, and nothing above or below it"


def test_the_set_has_the_classes_of_fonts_and_holds_nothing_out(tmp_path):
    clean(tmp_path, np.random.default_rng(0), True)
    colour = load(f"letters:{tmp_path}", size=16, channels=3)
    assert (colour.images.shape, colour.class_names) == ((10, 16, 16, 3), tuple(CHARACTERS))
    (face,) = set(colour.factors["face"])
    assert re.fullmatch(rf"letters:{tmp_path.name}-[0-9a-f]{{8}}", face)
    assert len(load("letters:.", size=16, root=tmp_path, split="all", num=4)) == 4
    with pytest.raises(EmptySplitError, match="no image in its split 'test'"):
        load(f"letters:{tmp_path}", size=16, split="test")


@pytest.mark.parametrize(
    ("file", "char"),
    [
        *(("A.png", "A"), ("a.PNG", "a"), ("7.jpg", "7"), ("upper_a.png", "A"), ("Lower_A.png", "a"), ("Q/x.png", "Q")),
        *(("lower_q/more/x.png", "q"), ("AB.png", ""), ("a.b.png", ""), ("_.png", ""), ("upper_5.png", "")),
    ],
)
def test_a_file_is_named_by_its_character(file, char):
    assert character_named(file) == char


@pytest.mark.parametrize(
    ("files", "line"),
    [
        (["A.png"], "has 1 scanned letter. Use two or more"),
        ([], "has no scanned letters. Use two or more"),
        (["A.png", "upper_a.png"], r"A\.png and upper_a\.png are both A\. Keep one of them"),
        (["a/1.png", "a/2.png"], r"a/1\.png and a/2\.png are both a"),
        (["A.png", "scan1.png"], r"scan1\.png names no character\. Name each scan by its own: A\.png"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_in_one_line(files, line, tmp_path):
    for file in files:
        write(tmp_path, file, 255 * (1 - scan("A")))
    with pytest.raises(InputError, match=line):
        load(f"letters:{tmp_path}")


def test_a_file_that_cannot_be_used_is_refused_in_one_line(tmp_path):
    write(tmp_path, "A.png", 255 * (1 - scan("A")))
    (tmp_path / "README.txt").write_text("no scan")
    for content, line in (
        (np.full((40, 40), 200.0), r"b\.png: no ink can be told from the paper"),
        (200 - 20 * scan("b"), r"b\.png: no ink can be told from the paper"),
    ):
        write(tmp_path, "b.png", content)
        with pytest.raises(InputError, match=line):
            load(f"letters:{tmp_path}")
    with pytest.raises(InputError, match=r"A\.png is too large \(.*Crop it to the letter"):
        load(f"letters:{tmp_path}", max_pixels=1000)
    (tmp_path / "b.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"b\.png is no image that can be read \(unknown format\)"):
        load(f"letters:{tmp_path}")


@pytest.mark.parametrize(
    ("spec", "line"),
    [("letters:", "names no folder. Name a folder of"), ("letters:none", r"does not exist \(looked for .*none\)")],
)
def test_a_folder_that_is_not_there_is_refused(spec, line):
    with pytest.raises(InputError, match=line):
        load(spec)


def test_letters_of_other_scales_are_warned_of(tmp_path):
    for char, pixels in zip("HMxzEa", (100, 300, 200, 70, 50, 300), strict=True):
        write(tmp_path, f"{written(char)}.png", 255 * (1 - scan(char, pixels=pixels)))
    with pytest.warns(UserWarning, match="not scanned in one scale"):
        load(f"letters:{tmp_path}")


def test_dust_is_left_out_and_the_dot_of_an_i_is_not():
    levels = np.zeros((40, 40), np.uint8)
    levels[10:30, 18:22], levels[4:7, 18:22] = 255, 255  # a stem and its dot
    levels[36, 36] = 255
    assert ink_of(levels, light=False, where="i.png").shape == (26, 4)


def test_strokes_keep_their_weight():
    """The grey of an edge is kept: ink adds up to what it was, on grainy paper too."""
    image = scan("R")
    grainy = 200 - 150 * image + np.random.default_rng(0).normal(0, 5, image.shape)
    for levels in (255 * (1 - image), grainy):
        found = ink_of(np.clip(np.rint(levels), 0, 255).astype(np.uint8), light=True, where="R.png")
        assert found.sum() / 255 == pytest.approx(image.sum(), rel=0.03)


def test_the_threshold_is_that_of_the_largest_variance_between_both_parts():
    random = np.random.default_rng(0)
    levels = np.clip(np.concatenate([random.normal(60, 20, 300), random.normal(180, 30, 700)]), 0, 255).astype(np.uint8)

    def between(cut):
        dark, light = levels[levels <= cut], levels[levels > cut]
        return len(dark) * len(light) * (dark.mean() - light.mean()) ** 2 if len(dark) and len(light) else 0.0

    assert between(_threshold(levels)) == pytest.approx(max(between(cut) for cut in range(256)))
