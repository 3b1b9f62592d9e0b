"""Pictures in a page: the pixels that were given, with transparent gaps and a text."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from reading import Page

from genjax.report.draw.picture import interleaved, picture, with_gaps


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (6, 4, 5, 3), dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_go_into_the_page_unchanged(images, channels):
    images = images[..., :channels]
    (image,) = Page(picture(images, alt='six "images"', columns=3)).all("img")
    assert image["alt"] == 'six "images"'
    content = base64.b64decode(image["src"].removeprefix("data:image/png;base64,"))
    decoded = np.asarray(Image.open(io.BytesIO(content)))
    assert decoded.shape == (9, 17, channels + 1)
    np.testing.assert_array_equal(decoded[5:9, 6:11, :-1], images[4])
    assert (int(image["width"]), int(image["height"])) == (17, 9)


def test_only_the_gaps_are_transparent(images):
    grid = with_gaps(images[:5], columns=3)
    opaque = grid[..., -1] == 255
    assert opaque.sum() == 5 * 4 * 5
    assert not opaque[4].any()
    assert not opaque[5:, 12:].any()


def test_bands(images):
    pairs = interleaved([images[:4], images[2:]], columns=2)
    np.testing.assert_array_equal(pairs, images[[0, 1, 2, 3, 2, 3, 4, 5]])
