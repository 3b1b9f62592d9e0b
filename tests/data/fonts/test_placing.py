"""Placed ink: as `fonts` draws it, in one scale and on one baseline, whatever the scale of the scans."""

import numpy as np
import pytest

from genjax.data import load
from genjax.data.fonts.drawing import CHARACTERS, PROBE, font_of_size
from genjax.data.fonts.faces import face_named
from genjax.data.fonts.placing import ABOVE, BELOW, WIDTH, place

SHOTS = "ADGMRaegkt"


def ink(family, characters=SHOTS, pixels=160, scales=()):
    """{character: its ink}, drawn by Pillow apart from `fonts`."""
    face, found = face_named(family), {}
    for char, scale in zip(characters, scales or [1] * len(characters), strict=True):
        mask = font_of_size(face.path, pixels * scale, face.axes).getmask(char, "L")
        array = np.asarray(mask, np.uint8).reshape(mask.size[::-1])
        rows, columns = (np.flatnonzero(array.any(axis=axis)) for axis in (1, 0))
        found[char] = array[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return found


def span(image):
    """First and last row that is inked to a half."""
    rows = np.flatnonzero(image.max(axis=(1, 2)) > 128)
    return rows[0], rows[-1]


@pytest.mark.parametrize("family", ["roboto", "bitter", "lora"])
@pytest.mark.parametrize("characters", [SHOTS, CHARACTERS], ids=["ten", "all"])
def test_letters_are_placed_as_the_font_draws_them(family, characters):
    true = load(f"fonts:{family}", size=32, split="all").images[:]
    placed = place(ink(family, characters), 32)
    distance = np.abs(placed.images - true[[CHARACTERS.index(char) for char in characters]].astype(int)).mean()
    assert placed.one_scale
    assert distance < 13, "of 255; a shift of one pixel is a distance of about 20"


def test_the_resolution_of_the_scans_does_not_matter():
    coarse, fine = (place(ink("roboto", pixels=pixels), 32).images.astype(int) for pixels in (100, 400))
    assert np.abs(coarse - fine).mean() < 3


def test_letters_stand_on_one_line_and_nothing_is_cut_off():
    images = place(ink("roboto", "HEMTxzkgp"), 64).images
    assert np.ptp([span(image)[1] for image in images[:7]]) <= 1
    assert min(span(image)[1] for image in images[7:]) > span(images[0])[1] + 5, "g and p descend"
    edges = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]])
    assert edges.max() < 32


def test_letters_of_different_scales_get_their_usual_heights():
    placed = place(ink("roboto", "HMxzEa", scales=[1, 3, 2, 0.7, 0.5, 3]), 64)
    assert not placed.one_scale
    high = {char: 1 + np.ptp(span(image)) for char, image in zip("HMxzEa", placed.images, strict=True)}
    assert abs(high["H"] - high["E"]) <= 1
    assert high["x"] / high["H"] == pytest.approx(0.731, abs=0.04)


def test_what_is_usual_is_near_to_a_usual_font():
    """Roboto, measured by Pillow; its Q and J differ from what is usual."""
    face = face_named("roboto")
    probe = font_of_size(face.path, PROBE, face.axes)
    boxes = np.array([probe.getbbox(char, anchor="ls") for char in CHARACTERS], float)
    unit = -boxes[CHARACTERS.index("H"), 1] / 1000
    for table, own in ((ABOVE, -boxes[:, 1]), (BELOW, boxes[:, 3]), (WIDTH, boxes[:, 2] - boxes[:, 0])):
        assert len(table) == len(CHARACTERS)
        assert np.median(np.abs(np.array(table) - own / unit)) < 40
        assert np.abs(np.array(table) - own / unit).max() < 250
