"""The scatter plot: a whole picture for any number of panels, with and without intervals."""

import math

import numpy as np
import pytest
from PIL import Image

from genjax.report.draw.scatter import Point, save_scatter


@pytest.mark.parametrize("panels", [1, 3])
def test_a_picture_with_every_point(tmp_path, panels):
    points = [Point("full", 0.2, 1.0, 0.05, 0.1), Point("lora", 0.4, 0.8)]
    save_scatter(tmp_path / "a.png", "t", {f"{n} shots": points for n in range(panels)}, x="diversity", y="KD")
    with Image.open(tmp_path / "a.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    assert len(pixels) > 200_000
    for colour in ((31, 119, 180), (174, 199, 232)):  # the first two of the palette, for the two methods
        assert (np.abs(pixels.astype(int) - colour).max(axis=1) < 8).sum() > 20 * panels
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_point_without_intervals_has_none():
    assert math.isnan(Point("full", 0.0, 0.0).x_half)
