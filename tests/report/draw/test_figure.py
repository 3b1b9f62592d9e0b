"""The figure of rows: every image keeps its proportions, in lines of as many columns as asked."""

import numpy as np
import pytest
from PIL import Image

from genjax.report.draw.figure import Row, save_figure


@pytest.mark.parametrize(("lines", "columns"), [(1, 30), (2, 15), (3, 10)])
def test_images_are_not_stretched(lines, columns, tmp_path):
    black = Row("row", np.zeros((30, 16, 16, 1), np.uint8))
    save_figure(tmp_path / "figure.png", "title", [black, black], columns=columns)
    with Image.open(tmp_path / "figure.png") as picture:
        dark = np.asarray(picture.convert("L")) < 200
    high = (dark.mean(axis=1) > 0.5).sum()  # no line of a title is so dark
    wide = (dark[dark.mean(axis=1) > 0.5].mean(axis=0) > 0.5).sum()
    # Images of 16 pixels, and a pixel between two
    assert high / wide == pytest.approx(2 * (17 * lines - 1) / (17 * columns - 1), rel=0.02)
