"""The plot of power laws: a whole picture with every line."""

import numpy as np
from PIL import Image

from genjax.report.lines import Line, save_lines


def test_a_picture_with_every_line(tmp_path):
    lines = [Line("square", (1, 2, 4), (1.0, 4.0, 16.0)), Line("linear", (1, 2, 4), (1.0, 2.0, 4.0))]
    save_lines(tmp_path / "a.png", "t", {"one": lines, "two": lines[:1]}, across=2)
    with Image.open(tmp_path / "a.png") as picture:
        left, right = np.split(np.asarray(picture.convert("RGB")).astype(int), 2, axis=1)
    for side, colour, drawn in ((left, (31, 119, 180), True), (left, (255, 127, 14), True), (right, (255, 127, 14), 0)):
        assert bool((np.abs(side - colour).max(axis=-1) < 8).sum() > 50) == bool(drawn)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
