"""Images of very many pixels, decoded in parts. The limit is made small here, so that small images are large ones."""

import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.ImageFile import ImageFile

from genjax.data import large_images
from genjax.data.images import decode, fit, opaque, read
from genjax.data.large_images import opened, too_large


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_images, "LARGE", 5000)
    monkeypatch.setattr(large_images, "STRIP", 2000)


@pytest.fixture
def scene() -> Image.Image:
    """A smooth image in colour of 300x200."""
    rows, columns = np.mgrid[0:200, 0:300]
    return Image.fromarray(np.stack([columns * 255 / 300, rows * 255 / 200, 200 - rows], axis=-1).astype(np.uint8))


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> io.BytesIO:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "LA", "RGBA", "I;16"])
@pytest.mark.parametrize("size", [8, 64])
@pytest.mark.usefixtures("small_limit")
def test_a_large_image_looks_as_a_small_one(scene: Image.Image, mode: str, size: int) -> None:
    grey = np.asarray(scene.convert("L"), np.uint16) * 257
    image = Image.fromarray(grey) if mode == "I;16" else scene.convert(mode)
    expected = fit(opaque(image), size, 3).astype(int)
    found = decode(saved(image), size, 3).astype(int)
    assert np.abs(found - expected).max() < (20 if mode in ("1", "P") else 6)  # dots differ more


@pytest.mark.usefixtures("small_limit")
def test_what_is_transparent_in_a_large_image_is_put_on_white(scene: Image.Image) -> None:
    scene.putalpha(0)
    assert decode(saved(scene), 8, 3).min() == 255


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
@pytest.mark.usefixtures("small_limit")
def test_exif_turns_a_large_image_upright(scene: Image.Image, orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decode(saved(scene, kind, exif=exif), 16, 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large_images, "LARGE", 10**6)
        expected = decode(saved(scene, kind, exif=exif), 16, 3)
    assert np.abs(found.astype(int) - expected).max() < 12
    assert (orientation == 1) == (np.abs(found.astype(int) - fit(scene, 16, 3)).max() < 20)


@pytest.mark.parametrize("shape", [(4, 3000), (3000, 5), (71, 73), (129, 128)])
@pytest.mark.usefixtures("small_limit")
def test_large_images_of_any_shape_are_read(shape: tuple[int, int]) -> None:
    image = Image.new("L", shape, 90)
    np.testing.assert_array_equal(decode(saved(image), 8, 1), np.full((8, 8, 1), 90))


def test_a_jpeg_counts_as_so_many_pixels_as_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    held: set[tuple[int, int]] = set()
    load = ImageFile.load
    monkeypatch.setattr(ImageFile, "load", lambda image: (load(image), held.add(image.size))[0])
    flat = Image.new("L", (4100, 4100), 90)  # at --size 1024 half of its height and width are enough
    quarter = 4100 * 4100 // 4
    for progressive, limit, side in ((False, quarter, 2050), (True, 4 * quarter, 4100)):
        stream = saved(flat, "JPEG", progressive=progressive)
        with opened(stream, ("JPEG",)) as image:
            assert (too_large(image, limit), too_large(image, limit - 1)) == ("", "too large (4100 x 4100)")
        held.clear()
        assert decode(stream, 1024, 1, max_pixels=limit).mean() == 90
        assert held == {(side, side)}
    with opened(saved(flat), ("PNG",)) as image:
        assert too_large(image, quarter) == "too large (4100 x 4100)"


@pytest.mark.usefixtures("small_limit")
def test_a_large_jpeg_is_decoded_at_a_part_of_its_size(scene: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    shrunk = large_images._shrunk
    monkeypatch.setattr(large_images, "_shrunk", lambda image, *rest: seen.append(image.size) or shrunk(image, *rest))
    decode(saved(scene, "JPEG"), 8, 3)
    decode(saved(scene, "JPEG"), 64, 3)
    assert seen == [(38, 25), (300, 200)]


def test_a_large_image_takes_little_beside_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """16 bits for each pixel become 8 bytes for each on the way to 8 bits."""
    monkeypatch.setattr(large_images, "LARGE", 1 << 16)
    monkeypatch.setattr(large_images, "STRIP", 1 << 16)
    Image.fromarray(np.zeros((1000, 1000), np.uint16)).save(tmp_path / "a.png")
    decode(tmp_path / "a.png", 8, 1)
    tracemalloc.start()
    decode(tmp_path / "a.png", 8, 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 << 20


def test_what_says_that_it_is_enormous_is_refused_unread() -> None:
    content = bytearray(saved(Image.new("L", (50, 50)), "BMP").getvalue())
    content[18:26] = (60_000).to_bytes(4, "little") * 2
    assert read(io.BytesIO(content), 0, 0).probe.problem == "too large (60000 x 60000)"
