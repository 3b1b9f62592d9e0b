"""Drawn glyphs: what they show is what their factors and captions say."""

import time
from typing import Any

import numpy as np
import pytest

from genjax.data import Dataset, load
from genjax.data.glyphs import drawing as glyphs_module
from genjax.data.glyphs.drawing import COLOURS, VARIANTS, draw
from genjax.data.glyphs.fonts import FONTS, HELD_OUT_FONTS, TRAIN_FONTS, outlines
from genjax.data.glyphs.plain_captions import VOCABULARY, caption, words
from genjax.data.request import Request
from genjax.errors import InputError


@pytest.fixture(scope="module")
def grey() -> Dataset:
    """400 training digits of 16 pixels."""
    return load("glyphs", num=400)


@pytest.fixture(scope="module")
def colour() -> Dataset:
    """Coloured glyphs of 32 pixels."""
    return load("glyphs", num=400, size=32, channels=3)


def inked(image: np.ndarray, level: int = 8) -> tuple[float, float, float, float]:
    """The box of what is inked, as parts of the frame: left, top, right, bottom."""
    rows, columns = (np.flatnonzero(image.max((axis, 2)) > level) for axis in (1, 0))
    size = image.shape[0]
    return columns[0] / size, rows[0] / size, (columns[-1] + 1) / size, (rows[-1] + 1) / size


def same(first: Dataset, second: Dataset) -> bool:
    return (
        first.content_hash() == second.content_hash()
        and first.captions == second.captions
        and all(np.array_equal(first.factors[name], second.factors[name]) for name in first.factors)
    )


@pytest.mark.parametrize("spec", ["glyphs", "glyphs:letters"])
@pytest.mark.parametrize("split", ["train", "test", "all"])
def test_the_first_of_many_are_the_few(spec: str, split: str) -> None:
    few, many = (load(spec, split=split, num=num, seed=4) for num in (15, 60))
    assert same(few, many.take(range(15)))


def test_seeds_splits_and_variants_differ(grey: Dataset) -> None:
    others = [load("glyphs", num=400, seed=1), load("glyphs", num=400, split="test"), load("glyphs:letters", num=400)]
    assert len({grey.content_hash(), *(other.content_hash() for other in others)}) == 4
    assert load("glyphs", num=400).content_hash() == grey.content_hash()


def test_the_factors_do_not_depend_on_size_or_channels(grey: Dataset, colour: Dataset) -> None:
    for name in set(grey.factors) - {"colour"}:
        np.testing.assert_array_equal(grey.factors[name], colour.factors[name])


def test_classes_are_balanced_in_every_block(grey: Dataset) -> None:
    assert grey.labels is not None
    assert grey.labels.dtype == np.int32
    assert (np.sort(grey.labels.reshape(-1, 10), axis=1) == np.arange(10)).all()
    np.testing.assert_array_equal(np.array(grey.class_names)[grey.labels], grey.factors["glyph"])
    letters = load("glyphs:letters", num=52)
    assert (letters.name, len(letters.class_names)) == ("glyphs:letters", 26)
    assert (np.bincount(np.asarray(letters.labels)) == 2).all()


def test_held_out_fonts_are_others_of_the_same_kinds() -> None:
    train, test = ({font.name for font in fonts} for fonts in (TRAIN_FONTS, HELD_OUT_FONTS))
    assert not train & test
    for fonts in (TRAIN_FONTS, HELD_OUT_FONTS):
        assert {font.weight for font in fonts} == {"regular", "bold"}
        assert {font.slant for font in fonts} == {"upright", "italic"}
    drawn = {split: set(load("glyphs", num=200, split=split).factors["font"]) for split in ("train", "test", "all")}
    assert drawn == {"train": train, "test": test, "all": train | test}


def test_every_font_draws_every_symbol_differently() -> None:
    symbols = tuple(symbol for variant in VARIANTS.values() for symbol in variant)
    drawn = outlines(FONTS["all"], symbols, 32)
    for font in FONTS["all"]:
        assert len({(m.size, m.tobytes()) for (name, _), m in drawn.items() if name == font.name}) == len(symbols)


def test_factors_stay_in_their_ranges(colour: Dataset, grey: Dataset) -> None:
    factors = colour.factors
    assert set(factors) == {"glyph", "font", "weight", "slant", "colour", "angle", "size", "x", "y"}
    assert np.abs(factors["angle"]).max() <= 15
    assert factors["size"].min() >= 0.6
    assert factors["size"].max() <= 0.9
    assert max(np.abs(factors["x"]).max(), np.abs(factors["y"]).max()) <= 0.08
    assert set(factors["colour"]) == set(COLOURS)
    assert grey.factors["colour"].min() >= 192
    assert grey.factors["colour"].max() <= 255


def test_the_ink_is_where_size_and_place_say(colour: Dataset) -> None:
    for i in range(100):
        left, top, right, bottom = inked(colour.images[i])
        assert max(right - left, bottom - top) <= colour.factors["size"][i] + 2.5 / 32
        # The ink need not reach the corners of its box, so that turned its middle is a little elsewhere.
        assert abs((left + right) / 2 - 0.5 - colour.factors["x"][i]) < 0.15
        assert abs((top + bottom) / 2 - 0.5 - colour.factors["y"][i]) < 0.15


@pytest.mark.parametrize("spec", ["glyphs", "glyphs:letters"])
def test_no_glyph_is_cut(spec: str) -> None:
    images = np.asarray(load(spec, num=300, size=64, split="all").images)
    frame = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]])
    assert frame.max() == 0


def test_an_upright_glyph_fills_its_size_and_turns_anticlockwise() -> None:
    font = TRAIN_FONTS[0]
    outline = outlines((font,), ("1",), 256)[font.name, "1"]
    upright = glyphs_module.Glyph("1", font, "white", 255, angle=0, size=0.75, x=0, y=0)
    left, top, right, bottom = inked(draw(upright, outline, (255,), 64), level=64)
    assert bottom - top == pytest.approx(0.75, abs=1 / 64)
    assert (left + right, top + bottom) == pytest.approx((1, 1), abs=2 / 64)
    bar = draw(upright._replace(symbol="I", angle=15), outlines((font,), ("I",), 256)[font.name, "I"], (255,), 64)
    columns = [np.flatnonzero(bar[row, :, 0] > 64).mean() for row in (14, 49)]
    assert columns[0] - columns[1] == pytest.approx(-35 * np.tan(np.radians(15)), abs=1)


def test_colours_are_those_named(colour: Dataset) -> None:
    for i in range(100):
        brightest = colour.images[i].reshape(-1, 3).astype(int)
        brightest = brightest[brightest.sum(1).argmax()]
        named = np.array(COLOURS[str(colour.factors["colour"][i])])
        scale = brightest.max() / named.max()
        assert np.abs(brightest - scale * named).max() <= 2


def test_captions_say_what_is_drawn_in_a_closed_vocabulary() -> None:
    letters = load("glyphs:letters", num=300, channels=3)
    for dataset in (letters, load("glyphs", num=300), load("glyphs", num=300, channels=3, split="test")):
        used = {word for sentence in dataset.captions for word in words(sentence)}
        assert used <= set(VOCABULARY)
        assert {"a", "small", "large", "bold", "italic", "tilted", "left", "right"} <= used
    for sentence, name, symbol in zip(
        letters.captions, letters.factors["colour"], letters.factors["glyph"], strict=True
    ):
        assert f"{name} letter {symbol}" in sentence


@pytest.mark.parametrize(
    ("factors", "sentence"),
    [
        (
            {"symbol": "7", "colour": "red", "size": 0.65, "weight": "bold", "angle": 9},
            "a small bold red seven, tilted left",
        ),
        ({"symbol": "K", "colour": "white", "size": 0.75, "weight": "regular", "angle": -1}, "a white letter K"),
        (
            {"symbol": "8", "colour": "orange", "size": 0.75, "weight": "regular", "angle": -9},
            "an orange eight, tilted right",
        ),
        (
            {"symbol": "0", "colour": "blue", "size": 0.85, "weight": "regular", "angle": 0, "slant": "italic"},
            "a large italic blue zero",
        ),
    ],
)
def test_a_caption_reads_well(factors: dict[str, Any], sentence: str) -> None:
    given: dict[str, Any] = {"slant": "upright"} | factors
    assert caption(**given) == sentence


def test_ink_is_light_on_black_and_three_channels_are_coloured(grey: Dataset, colour: Dataset) -> None:
    assert grey.images.shape == (400, 16, 16, 1)
    assert np.median(np.asarray(grey.images)) == 0
    assert np.asarray(grey.images).max((1, 2, 3)).min() > 90
    assert colour.images.shape == (400, 32, 32, 3)


def test_numbers_by_default_and_an_unknown_variant() -> None:
    assert [glyphs_module.DEFAULT_NUM[split] for split in ("train", "test", "all")] == [2000, 1000, 3000]
    assert len(load("glyphs", size=8, split="test")) == 1000
    with pytest.raises(InputError, match=r"unknown variant of glyphs 'leters'. Did you mean 'letters'\?"):
        load("glyphs:leters")


def test_two_thousand_images_take_seconds() -> None:
    start = time.process_time()
    glyphs_module.load_glyphs("", Request())
    assert time.process_time() - start < 5
