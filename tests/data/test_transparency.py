"""What is transparent lies on white, as Pillow's own compositing puts it there."""

import numpy as np
import pytest
from PIL import Image

from genjax.data.transparency import in_mode, on_white


def composited(image: Image.Image) -> np.ndarray:
    """The same by Pillow: RGB (height, width, 3)."""
    white = Image.new("RGBA", image.size, "white")
    return np.asarray(Image.alpha_composite(white, image.convert("RGBA")).convert("RGB"))


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_every_level_with_every_alpha(mode: str) -> None:
    levels, alphas = (Image.fromarray(one) for one in np.meshgrid(*[np.arange(256, dtype=np.uint8)] * 2))
    image = Image.merge(mode, [levels] * (len(mode) - 1) + [alphas])
    np.testing.assert_array_equal(on_white(image).convert("RGB"), composited(image))
    assert on_white(image).mode == mode[:-1]


@pytest.mark.parametrize("colours", [1, 7, 256])
@pytest.mark.parametrize("transparency", [0, 5, 255, b"", b"\x00\x80\xff", bytes(range(256))])
def test_a_palette_of_any_length_with_any_transparency(colours: int, transparency: int | bytes) -> None:
    rng = np.random.default_rng(colours)
    image = Image.frombytes("P", (16, 16), bytes(range(256)))
    image.putpalette(rng.integers(0, 256, 3 * colours, dtype=np.uint8).tobytes())
    image.info["transparency"] = transparency
    expected = composited(image.copy())
    np.testing.assert_array_equal(on_white(image).convert("RGB"), expected)
    assert (image.info["transparency"], len(image.getpalette() or [])) == (transparency, 3 * colours), "left as it was"


def test_an_image_in_its_mode_is_not_copied() -> None:
    image = Image.new("RGB", (2, 2))
    assert in_mode(image, "RGB") is image
    assert in_mode(image, "L").mode == "L"
