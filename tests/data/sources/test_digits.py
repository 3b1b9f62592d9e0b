"""The handwritten digits, and the split of them that never changes."""

import hashlib

import numpy as np
import pytest
from sklearn import datasets

from genjax.data import load
from genjax.data.glyphs import captions as glyph_captions
from genjax.errors import InputError


def test_a_fifth_of_each_class_is_held_out_and_nothing_is_lost() -> None:
    train, test, both = (load("digits", size=8, split=split) for split in ("train", "test", "all"))
    assert (len(train), len(test), len(both)) == (1438, 359, 1797)
    assert train.labels is not None
    assert test.labels is not None
    np.testing.assert_allclose(np.bincount(test.labels) / np.bincount(train.labels), 0.25, atol=0.01)


def test_train_and_test_are_complements() -> None:
    train, test, both = (load("digits", size=8, split=split).images for split in ("train", "test", "all"))
    rows = sorted(image.tobytes() for image in np.concatenate([np.asarray(train), np.asarray(test)]))
    assert rows == sorted(image.tobytes() for image in np.asarray(both))


def test_the_split_is_the_one_of_ever() -> None:
    pixels, _ = datasets.load_digits(return_X_y=True)
    images = np.rint(pixels * 255 / 16).astype(np.uint8)
    held = {image.tobytes() for image in np.asarray(load("digits", size=8, split="test").images)}
    places = [i for i, image in enumerate(images) if image.tobytes() in held]
    assert hashlib.sha256(repr(places).encode()).hexdigest()[:16] == "d1da28b6a26ef09b"


def test_the_split_does_not_follow_the_seed() -> None:
    hashes = {load("digits", size=8, split="test", seed=seed).content_hash() for seed in (0, 1, 2)}
    assert len(hashes) == 1


def test_at_their_own_size_the_pixels_are_those_of_scikit_learn() -> None:
    pixels, labels = datasets.load_digits(return_X_y=True)
    digits = load("digits", size=8, split="all")
    assert digits.images[:].dtype == np.uint8
    np.testing.assert_allclose(digits.images[..., 0].reshape(-1, 64) / 255 * 16, pixels, atol=0.04)
    np.testing.assert_array_equal(digits.labels, labels)
    assert digits.class_names == tuple("0123456789")


def test_strokes_are_white_on_black() -> None:
    images = np.asarray(load("digits", size=16, num=50).images)
    assert images[:, :, 0].mean() < 10
    assert images.max() == 255


def test_captioned_digits_are_the_same_strokes_in_colour() -> None:
    captioned, plain = (load(spec, size=16, num=30) for spec in ("digits:captioned", "digits"))
    np.testing.assert_array_equal(captioned.images, np.repeat(np.asarray(plain.images), 3, axis=-1))
    said = [glyph_captions.parse(caption) for caption in captioned.captions]
    np.testing.assert_array_equal([int(one.glyph) for one in said], captioned.labels)
    assert {one.colour for one in said} == {"white"}


def test_some_digits_are_part_of_more() -> None:
    few, more = (load("digits", size=8, num=num, seed=3) for num in (20, 100))
    rows = {image.tobytes() for image in np.asarray(more.images)}
    assert all(image.tobytes() in rows for image in np.asarray(few.images))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"spec": "digits:captioned", "channels": 1}, "the captions of digits:captioned name a colour"),
        ({"spec": "digits:mnist"}, "digits has no variant 'mnist'. Use digits, or digits:captioned."),
        ({"spec": "digits", "num": 2000}, r"--num-images 2000 is more than digits has .* \(1438 images\)"),
        ({"spec": "digits", "split": "test", "num": 500}, r"in its split 'test' \(359 images\)"),
    ],
)
def test_what_is_not_there_is_refused(wrong: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(**wrong)
