"""Ranges of values, the resize rule, and what becomes of a file."""

import contextlib
import io
import struct
import zlib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from genjax.data.images import (
    FORMATS,
    RESIZE_RULE,
    Probe,
    decode,
    fit,
    opaque,
    read,
    resize,
    silenced,
    to_float,
    to_uint8,
)
from genjax.data.large_images import MAX_PIXELS
from genjax.errors import InputError

LEVELS = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)


def probe(path: Path, max_pixels: int = MAX_PIXELS) -> Probe:
    """Reads the head of a file."""
    with silenced(), path.open("rb") as file:
        return read(file, 0, 0, max_pixels=max_pixels).probe


@pytest.fixture
def photo() -> Image.Image:
    """A colour image of 40x30 whose pixels all differ."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8))


def test_floats_span_minus_one_to_one() -> None:
    floats = to_float(LEVELS)
    assert floats.dtype == np.float32
    assert (floats.min(), floats.max()) == (-1.0, 1.0)


def test_all_levels_survive_the_way_to_floats_and_back() -> None:
    np.testing.assert_array_equal(to_uint8(to_float(LEVELS)), LEVELS)
    np.testing.assert_array_equal(to_uint8(jax.jit(to_float)(jnp.asarray(LEVELS))), LEVELS)


def test_images_that_are_as_wanted_pass_through() -> None:
    floats = np.full((1, 2, 2, 1), 0.3, np.float32)
    assert to_float(floats) is floats
    assert to_float(jnp.zeros(3, jnp.bfloat16)).dtype == jnp.bfloat16
    assert to_uint8(LEVELS) is LEVELS


def test_floats_are_clipped_rounded_and_never_wrap() -> None:
    values = np.array([-np.inf, -1.2, -1.0, 0.002, 1.0, 1.01, np.inf, np.nan], np.float32)
    assert to_uint8(values).tolist() == [0, 0, 0, 128, 255, 255, 255, 128]
    assert to_uint8(jnp.asarray([-1.0, 1.0], jnp.bfloat16)).tolist() == [0, 255]


def test_integers_that_are_not_uint8_are_refused() -> None:
    with pytest.raises(InputError, match=r"int32, expected uint8"):
        to_float(np.zeros(3, np.int32))


@pytest.mark.parametrize("size", [8, 16, 64])
def test_the_resize_rule_is_what_it_says(photo: Image.Image, size: int) -> None:
    assert "centre crop to the largest square" in RESIZE_RULE
    assert "Pillow BICUBIC" in RESIZE_RULE
    expected = photo.crop((5, 0, 35, 30)).resize((size, size), Image.Resampling.BICUBIC)
    assert resize(photo, size).tobytes() == expected.tobytes()
    np.testing.assert_array_equal(fit(np.asarray(photo), size, 3), np.asarray(expected))


def test_shrinking_averages_instead_of_dropping_pixels() -> None:
    checkerboard = np.indices((64, 64)).sum(0) % 2 * np.uint8(255)
    assert np.ptp(fit(checkerboard.astype(np.uint8), 8, 1)[2:-2, 2:-2]) < 40


def test_an_image_of_the_right_size_is_left_alone() -> None:
    np.testing.assert_array_equal(fit(LEVELS[0], 16, 1), LEVELS[0])


@pytest.mark.parametrize("shape", [(5, 9), (5, 9, 1), (9, 5, 3), (1, 7, 3), (9, 5, 4)])
@pytest.mark.parametrize("channels", [1, 3])
def test_arrays_of_any_shape_fit(shape: tuple[int, ...], channels: int) -> None:
    image = fit(np.full(shape, 255, np.uint8), 8, channels)
    np.testing.assert_array_equal(image, np.full((8, 8, channels), 255, np.uint8))


def test_colour_becomes_grey_by_luma_and_grey_three_equal_channels(photo: Image.Image) -> None:
    np.testing.assert_array_equal(fit(photo, 16, 1)[..., 0], np.asarray(resize(photo.convert("L"), 16)))
    grey = fit(photo.convert("L"), 16, 3)
    np.testing.assert_array_equal(grey, np.repeat(grey[..., :1], 3, axis=-1))


def test_what_is_transparent_is_put_on_white() -> None:
    half = Image.new("RGBA", (2, 2), (255, 0, 0, 128))
    assert opaque(half).getpixel((0, 0)) == (255, 127, 127)
    clear = Image.new("LA", (2, 2), (0, 0))
    assert (opaque(clear).mode, opaque(clear).getpixel((0, 0))) == ("L", 255)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_to_crop_first_changes_no_pixel(photo: Image.Image, mode: str) -> None:
    photo.putalpha(photo.convert("L"))
    image = photo.convert(mode)
    for channels, kind in ((1, "L"), (3, "RGB")):
        expected = np.asarray(resize(opaque(image).convert(kind), 8)).reshape(8, 8, channels)
        np.testing.assert_array_equal(fit(image, 8, channels), expected)


def test_a_transparent_palette_entry_is_put_on_white(tmp_path: Path) -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 0, 0, 200])
    image.putpixel((0, 0), 0)
    image.save(tmp_path / "a.png", transparency=0)
    decoded = fit(Image.open(tmp_path / "a.png"), 4, 3)
    assert decoded[0, 0].tolist() == [255, 255, 255]
    assert decoded[3, 3].tolist() == [0, 0, 200]


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 128 * 257], [257, 65535]], np.uint16)).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert np.asarray(opaque(image)).tolist() == [[0, 128], [1, 255]]
    assert probe(tmp_path / "a.png").grey


def png(depth: int, kind: int, row: bytes, level: bytes) -> io.BytesIO:
    """A PNG of two equal rows of two pixels, of which those of this level are transparent."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, depth, kind, 0, 0, 0)) + chunk(b"tRNS", level)
    return io.BytesIO(
        b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(2 * (b"\0" + row))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("depth", "row", "level"),
    [
        (2, [0b00010000], 1),
        (4, [0x05], 5),
        (8, [0, 80], 80),
        (16, [0, 0, 0x12, 0x34], 0x1234),
        (16, [0x12, 0x34, 0, 0], 0),
    ],
)
def test_a_transparent_grey_of_any_depth_is_put_on_white(depth: int, row: list[int], level: int) -> None:
    levels = decode(png(depth, 0, bytes(row), struct.pack(">H", level)), 8, 1)
    assert (levels[4, 0, 0] < 40, levels[4, -1, 0] > 240) == (True, True)


def test_a_transparent_colour_of_16_bits_is_put_on_white() -> None:
    row = struct.pack(">6H", 0, 0, 0, 0x1234, 0x1234, 0x1234)
    levels = decode(png(16, 2, row, row[6:]), 8, 3)
    assert (levels[4, 0].max() < 40, levels[4, -1].min() > 240) == (True, True)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_read(tmp_path: Path, photo: Image.Image, kind: str) -> None:
    photo.convert("P" if kind == "GIF" else "RGB").save(tmp_path / "a", kind)
    assert probe(tmp_path / "a") == (False, "")
    difference = decode(tmp_path / "a", 8, 3).astype(int) - fit(photo, 8, 3)
    assert np.abs(difference).mean() < 12


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP"])
def test_of_several_pictures_the_first_is_read(tmp_path: Path, kind: str) -> None:
    first, *others = (Image.new("L", (16, 16), level) for level in (200, 0, 90))
    first.save(tmp_path / "a", kind, save_all=True, append_images=others)
    assert abs(int(decode(tmp_path / "a", 8, 1)[4, 4, 0]) - 200) < 4


def test_pixels_whose_range_nobody_knows_are_refused(tmp_path: Path) -> None:
    for values in (np.zeros((4, 4), np.float32), np.zeros((4, 4), np.int32)):
        Image.fromarray(values).save(tmp_path / "a.tif")
        assert probe(tmp_path / "a.tif").problem == "not of 8 or 16 bits a pixel"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after the pixels"])
def test_long_texts_in_a_png_do_not_matter(tmp_path: Path, photo: Image.Image, after: bool) -> None:
    text = PngImagePlugin.PngInfo()
    text.add(b"zTXt", b"prompt\0\0" + zlib.compress(bytes(2_000_000)), after)
    photo.save(tmp_path / "a.png", pnginfo=text)
    assert probe(tmp_path / "a.png") == (False, "")
    for file in (tmp_path / "a.png", io.BytesIO((tmp_path / "a.png").read_bytes())):
        np.testing.assert_array_equal(decode(file, 16, 3), fit(photo, 16, 3))


def test_cmyk_and_one_bit_are_read(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    assert np.abs(decode(tmp_path / "a.jpg", 16, 3)[8, 8].astype(int) - [255, 0, 0]).max() < 8
    Image.new("1", (16, 16), 1).save(tmp_path / "b.png")
    assert decode(tmp_path / "b.png", 16, 1).min() == 255


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_the_image_upright(tmp_path: Path, photo: Image.Image, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo.save(tmp_path / "a.png", exif=exif)
    pixels = np.asarray(photo)
    turned = {  # from the stored rows and columns to those of the scene (EXIF 2.3, tag 274)
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.swapaxes(0, 1),
        6: pixels[::-1].swapaxes(0, 1),
        7: pixels[::-1, ::-1].swapaxes(0, 1),
        8: pixels[:, ::-1].swapaxes(0, 1),
    }[orientation]
    np.testing.assert_array_equal(decode(tmp_path / "a.png", 16, 3), fit(turned, 16, 3))


@pytest.mark.parametrize(
    ("mode", "grey"), [("1", True), ("L", True), ("LA", True), ("P", False), ("RGB", False), ("RGBA", False)]
)
def test_a_file_is_grey_or_not_by_its_head(tmp_path: Path, photo: Image.Image, mode: str, grey: bool) -> None:
    photo.convert(mode).save(tmp_path / "a.png")
    assert probe(tmp_path / "a.png") == (grey, "")


def test_a_palette_of_greys_is_grey(tmp_path: Path) -> None:
    image = Image.new("P", (4, 4))
    image.putpalette([level for level in range(256) for _ in range(3)])
    image.save(tmp_path / "a.png")
    assert probe(tmp_path / "a.png").grey


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_cut_anywhere_is_refused_or_whole(photo: Image.Image, kind: str) -> None:
    stream = io.BytesIO()
    photo.save(stream, kind)
    content, whole = stream.getvalue(), decode(io.BytesIO(stream.getvalue()), 8, 3)
    refused = 0
    for end in range(0, len(content), 37):
        try:
            image = decode(io.BytesIO(content[:end]), 8, 3)
        except InputError:
            refused += 1
        else:  # only what follows the pixels was missing
            np.testing.assert_array_equal(image, whole)
    assert refused >= len(range(0, len(content), 37)) - 1


@pytest.mark.parametrize("kind", FORMATS)
def test_a_damaged_file_raises_nothing_but_an_input_error(photo: Image.Image, kind: str) -> None:
    stream, rng = io.BytesIO(), np.random.default_rng(0)
    photo.save(stream, kind)
    for _ in range(100):
        content = bytearray(stream.getvalue())
        for place in rng.integers(0, len(content), 3):
            content[place] = rng.integers(256)
        with contextlib.suppress(InputError):
            assert decode(io.BytesIO(content), 8, 3).shape == (8, 8, 3)


def test_an_image_of_too_many_pixels_is_refused_by_its_head(tmp_path: Path) -> None:
    Image.new("L", (50, 40)).save(tmp_path / "large.png")
    assert probe(tmp_path / "large.png", max_pixels=2000).problem == ""
    assert probe(tmp_path / "large.png", max_pixels=1999).problem == "too large (50 x 40)"
    with pytest.raises(InputError, match=r"^too large \(50 x 40\)$"):
        decode(tmp_path / "large.png", 8, 1, max_pixels=1999)


@pytest.mark.parametrize("kind", sorted({*FORMATS} - {"TIFF"}))  # of which the limit holds for parts of a file
def test_pillows_own_limit_raises_and_warns_of_nothing(
    photo: Image.Image, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    stream = io.BytesIO()
    photo.save(stream, kind)
    whole = decode(stream, 8, 3)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # it warns above, of 1200 pixels, and raises above twice that
    np.testing.assert_array_equal(decode(stream, 8, 3), whole)
