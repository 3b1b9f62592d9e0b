"""Captioned glyphs: what they show is what their captions say, and held-out combinations are in no other set."""

import numpy as np
import pytest

from genjax.data import Dataset, load
from genjax.data.glyphs.captioned import ANGLES, HEIGHTS, sample_scenes
from genjax.data.glyphs.captions import VALUES, parse
from genjax.data.glyphs.combinations import ALL_COMBINATIONS, COMBINATIONS, Combination, held_out_combinations
from genjax.data.glyphs.drawing import COLOURS
from genjax.data.glyphs.fonts import FONTS
from genjax.data.request import Request
from genjax.errors import InputError


@pytest.fixture(scope="module")
def trained() -> Dataset:
    """600 images of 32 pixels."""
    return load("glyphs:captioned", num=600, size=32)


def shown(dataset: Dataset) -> set[Combination]:
    factors = dataset.factors
    rows = zip(*(factors[name] for name in Combination._fields), strict=True)
    return {Combination(*map(str, row)) for row in rows}


@pytest.mark.parametrize("split", ["train", "test", "all"])
def test_what_is_held_out_is_in_no_split_of_the_set(split: str) -> None:
    held_out = set(held_out_combinations())
    assert shown(load("glyphs:captioned", num=486, size=8, split=split)) == set(ALL_COMBINATIONS) - held_out
    assert shown(load("glyphs:captioned:held_out", num=54, size=8, split=split)) == held_out
    assert shown(load("glyphs:captioned:all", num=540, size=8, split=split)) == set(ALL_COMBINATIONS)


def test_captions_and_factors_say_the_same(trained: Dataset) -> None:
    for i, sentence in enumerate(trained.captions):
        for name in VALUES:
            assert getattr(parse(sentence), name) == trained.factors[name][i]
    factors = trained.factors
    assert {sentence.split()[0] for sentence in trained.captions} == {"a", "an", "two"}
    for name, values in VALUES.items():
        assert set(factors[name]) == set(values), name
    assert trained.labels is not None
    np.testing.assert_array_equal(np.array(trained.class_names)[trained.labels], factors["glyph"])
    orders = [("bold red" in sentence, "red bold" in sentence) for sentence in trained.captions]
    assert np.any(orders, axis=0).all()


def test_the_numbers_lie_where_the_words_say(trained: Dataset) -> None:
    factors = trained.factors
    for i in range(len(trained)):
        low, high = ANGLES[factors["tilt"][i]]
        assert low <= factors["angle"][i] <= high
        low, high = HEIGHTS[int(factors["count"][i]), str(factors["size"][i])]
        assert low <= factors["height"][i] <= high


def test_the_ink_is_where_height_and_place_say() -> None:
    """The box of all ink, at 64 pixels: its middle is (x, y), its height that of a turned glyph."""
    dataset = load("glyphs:captioned", num=200, size=64)
    for i, image in enumerate(np.asarray(dataset.images)):
        rows, columns = (np.flatnonzero(image.max((axis, 2)) > 32) for axis in (1, 0))
        top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        assert (top + bottom) / 128 - 0.5 == pytest.approx(dataset.factors["y"][i], abs=1.5 / 64)
        assert (left + right) / 128 - 0.5 == pytest.approx(dataset.factors["x"][i], abs=1.5 / 64)
        height = (bottom - top) / 64 / dataset.factors["height"][i]
        assert 0.85 < height < 1.2
        if dataset.factors["count"][i] == 2:  # the glyphs are half a frame from each other, and nothing is between
            assert (image.max((0, 2)) <= 32)[left:right].any()
            assert right - left > 32


@pytest.mark.parametrize("spec", ["glyphs:captioned:all", "glyphs:captioned:held_out"])
def test_no_glyph_is_cut(spec: str) -> None:
    images = np.asarray(load(spec, num=400, size=64, split="all").images)
    assert np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]]).max() == 0


def test_the_ink_has_the_colour_that_is_said(trained: Dataset) -> None:
    for i in range(100):
        pixels = np.asarray(trained.images[i]).reshape(-1, 3).astype(int)
        brightest = pixels[pixels.sum(1).argmax()]
        named = np.array(COLOURS[str(trained.factors["colour"][i])])
        assert np.abs(brightest - brightest.max() / named.max() * named).max() <= 2


def test_bold_has_more_ink(trained: Dataset) -> None:
    ink = np.asarray(trained.images, float).max(3).sum((1, 2)) / trained.factors["height"] ** 2
    bold = trained.factors["weight"] == "bold"
    assert np.mean(ink[bold]) > 1.4 * np.mean(ink[~bold])


def test_fonts_are_upright_and_those_of_the_split() -> None:
    for split in ("train", "test", "all"):
        drawn = set(load("glyphs:captioned", num=300, size=8, split=split).factors["font"])
        assert drawn == {font.name for font in FONTS[split] if font.slant == "upright"}


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_first_of_many_are_the_few_and_seeds_differ(split: str) -> None:
    few, many, other = (load("glyphs:captioned", split=split, num=n, seed=s) for n, s in ((15, 4), (600, 4), (15, 5)))
    assert few.captions == many.captions[:15]
    assert few.content_hash() == many.take(range(15)).content_hash() != other.content_hash()


def test_every_combination_is_drawn_equally_often() -> None:
    for name, combinations in COMBINATIONS.items():
        scenes = sample_scenes(combinations(), Request(num=2 * len(combinations())))
        drawn = [
            Combination(s.attributes.glyph, s.attributes.colour, s.attributes.weight, s.attributes.tilt) for s in scenes
        ]
        assert sorted(drawn) == sorted(2 * combinations()), name


def test_selections_differ_in_more_than_their_combinations() -> None:
    sets = [load(f"glyphs:captioned:{name}", num=50, size=8).factors["height"] for name in COMBINATIONS]
    assert len({values.tobytes() for values in sets}) == 3


def test_names_channels_and_numbers() -> None:
    few = load("glyphs:captioned", num=3)
    assert (few.name, few.images.shape) == ("glyphs:captioned", (3, 16, 16, 3))
    assert load("glyphs:captioned:held_out", num=3, channels=3).name == "glyphs:captioned:held_out"
    assert len(load("glyphs:captioned", size=8, split="test")) == 1000
    assert len(sample_scenes(ALL_COMBINATIONS, Request(size=8))) == 20_000
    with pytest.raises(InputError, match=r"--channels 1: the captions of glyphs:captioned name colours\."):
        load("glyphs:captioned", channels=1)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("glyphs:captoined", r"unknown variant of glyphs 'captoined'. Did you mean 'captioned'\?"),
        ("glyphs:captioned:heldout", r"unknown variant of glyphs:captioned 'heldout'. Did you mean 'held_out'\?"),
        ("glyphs:letters:all", "unknown variant of glyphs 'letters:all'. Did you mean 'letters'"),
    ],
)
def test_unknown_variants_are_refused(spec: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(spec)
