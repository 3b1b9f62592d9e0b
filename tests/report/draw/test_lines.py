"""Plots of lines: a whole picture with every line."""

import numpy as np
from PIL import Image

from genjax.report.draw.lines import Line, save_lines


def test_a_picture_with_every_line(tmp_path):
    lines = [Line("square", (1, 2, 4), (1.0, 4.0, 16.0)), Line("linear", (1, 2, 4), (1.0, 2.0, 4.0))]
    save_lines(tmp_path / "a.png", "t", {"one": lines, "two": lines[:1]}, across=2)
    with Image.open(tmp_path / "a.png") as picture:
        left, right = np.split(np.asarray(picture.convert("RGB")).astype(int), 2, axis=1)
    for side, colour, drawn in ((left, (31, 119, 180), True), (left, (255, 127, 14), True), (right, (255, 127, 14), 0)):
        assert bool((np.abs(side - colour).max(axis=-1) < 8).sum() > 50) == bool(drawn)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_linear_axes_begin_at_zero(tmp_path):
    """A line at half of another's height is drawn at half the height above the ground."""
    lines = [Line("high", (0, 1), (100.0, 100.0)), Line("low", (0, 1), (50.0, 50.0))]
    save_lines(tmp_path / "a.png", "t", {"one": lines}, across=1, logarithmic=False)
    with Image.open(tmp_path / "a.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)

    def widest(colour):
        return int((np.abs(pixels - colour).max(axis=-1) < 8).sum(axis=1).argmax())

    dark = (np.abs(pixels - 0).max(axis=-1) < 60).sum(axis=1)
    ground = int(np.flatnonzero(dark > 0.7 * dark.max()).max())
    assert abs((ground - widest((31, 119, 180))) / (ground - widest((255, 127, 14))) - 2) < 0.05
