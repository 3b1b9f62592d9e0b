"""The two sides of a comparison: sizes, channels, the choice of images, and what may be called held out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genjax.config import ModelConfig, TrainConfig, VaeConfig
from genjax.data import load
from genjax.errors import InputError
from genjax.evaluate import Extractor, run, sides
from genjax.evaluate.run import judge
from genjax.evaluate.sides import Side, alike, check_held_out, common_size, generated_set, reading_of
from genjax.families.model import Condition

RNG = np.random.default_rng(0)


@pytest.fixture
def judged(monkeypatch):
    """`judge` by a network that anybody can compute: the means over quarters of the image, in each channel."""

    def apply(images):
        return images.reshape(len(images), 2, 16, 2, 16, 3).mean(axis=(2, 4)).reshape(len(images), -1) / 255

    network = Extractor("means", "1", "0" * 64, 12, 32, "the centre", apply)
    monkeypatch.setattr(run, "load_extractor", lambda name: network)
    monkeypatch.setattr(run, "cache_folder", lambda: None)
    return lambda fake, real, **options: judge(fake, real, **({"metrics": ("fd",), "split": "all"} | options))


@pytest.fixture
def npz(tmp_path):
    def write(name, images):
        np.savez(tmp_path / f"{name}.npz", images=images)
        return f"npz:{tmp_path / name}.npz"

    return write


def grey(n=40, height=32, width=32):
    return RNG.integers(60, 190, (n, height, width), dtype=np.uint8)


def test_colour_is_judged_where_either_side_has_colour(judged, npz):
    images = grey()
    tinted = np.stack([images + 60, images - 31, images], -1)
    one, three, coloured = npz("one", images), npz("three", np.stack([images] * 3, -1)), npz("tinted", tinted)
    (of_one,), (of_three,) = (judged(coloured, real) for real in (one, three))
    assert of_one.value == of_three.value > 0.01
    assert judged(one, coloured)[0].value == pytest.approx(of_one.value)
    assert judged(three, one)[0].value == pytest.approx(0, abs=1e-6)


def test_channels_are_those_of_the_side_that_has_most():
    given = {"real": np.zeros((2, 4, 4, 1), np.uint8), "fake": np.zeros((3, 4, 4, 3), np.uint8)}
    assert {name: images.shape for name, images in alike(given).items()} == {"real": (2, 4, 4, 3), "fake": (3, 4, 4, 3)}
    assert alike({"real": given["real"]})["real"].shape == (2, 4, 4, 1)


@pytest.mark.parametrize(("height", "width"), [(28, 28), (96, 96), (32, 48)])
def test_two_npz_of_any_equal_size_are_compared_as_they_are(height, width, judged, npz, capsys):
    fake, real = npz("fake", grey(20, height, width)), npz("real", grey(20, height, width))
    (record,) = judged(fake, real, size=height if height == 28 else 0)
    assert (record.n_real, record.n_fake) == (20, 20)
    warned = f"images of {height}x{width} are no squares. means sees of them: the centre."
    assert (warned in capsys.readouterr().err) == (height != width)


def test_an_npz_is_never_resized(judged, npz, tmp_path):
    odd, even = npz("odd", grey(8, 28, 28)), npz("even", grey(8))
    with pytest.raises(InputError, match=r"holds images of 28x28, and digits cannot be brought to that. Write both"):
        judged(odd, "digits")
    with pytest.raises(InputError, match="real images are 32x32x1 and generated ones 28x28x1"):
        judged(odd, even)
    with pytest.raises(InputError, match=r"of 28x28, expected 16x16. Resize them before: written as PNG files, folder"):
        judged(odd, odd, size=16)


def test_the_size_is_that_of_a_run_then_of_an_npz():
    run_side, npz_side = Side("run:r", Path("r"), own=(16, 16)), Side("npz:a", own=(64, 64))
    odd, folder = Side("npz:b", own=(28, 28)), Side("folder:c")
    cases = [
        (folder, folder, 0, 32),
        (folder, folder, 16, 16),
        (folder, run_side, 0, 16),
        (npz_side, run_side, 0, 16),
        (npz_side, folder, 0, 64),
        (npz_side, folder, 32, 32),
        (odd, odd, 0, 0),
        (odd, odd, 28, 0),
        (odd, odd, 32, 32),
        (run_side, odd, 0, 16),
    ]
    for fake, real, asked, expected in cases:
        assert common_size(fake, real, asked) == expected, (fake, real, asked)


def test_some_images_of_a_set_are_chosen_by_the_seed(npz):
    spec = npz("sorted", np.arange(40, dtype=np.uint8)[:, None, None].repeat(8, 1).repeat(8, 2))

    def chosen(num, seed):
        return generated_set(spec, num, size=8, seed=seed, skip_broken=False)[:, 0, 0, 0].tolist()

    assert chosen(0, 0) == chosen(40, 0) == list(range(40))
    assert chosen(10, 0) == chosen(10, 0) != chosen(10, 1)
    assert set(chosen(10, 0)) < set(chosen(20, 0))
    assert max(chosen(10, 0)) >= 20, "not the first ones of a sorted set"
    with pytest.raises(InputError, match=r"--num 41 is more than npz:.* has \(40 images\). Use 40 or fewer."):
        chosen(41, 0)


def test_a_negative_number_is_refused_by_name(judged):
    with pytest.raises(InputError, match=r"--num -3 is negative. Use 1 or more, or 0 for all."):
        judged("digits", "digits", num=-3)


def test_what_was_trained_on_is_not_called_held_out(monkeypatch, tmp_path):
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    whole = TrainConfig(data="folder:photos", split="all")
    monkeypatch.setattr(sides, "run_config", lambda folder: whole)
    side = Side("run:r", Path("r"))
    for spelled in ("folder:photos", "folder:./photos", f"folder:{tmp_path}/photos"):
        with pytest.raises(InputError, match=r"^r was trained on all images of folder:.*Use --split all"):
            check_held_out(side, spelled, "test")
    check_held_out(side, "folder:photos", "all")
    check_held_out(side, "folder:others", "test")
    check_held_out(Side("folder:photos"), "folder:photos", "test")
    monkeypatch.setattr(sides, "run_config", lambda folder: replace(whole, split="train"))
    check_held_out(side, "folder:photos", "test")


def test_a_set_is_read_as_its_run_read_it(monkeypatch, tmp_path):
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    trained = TrainConfig(
        model="text2image",
        data="folder:photos",
        size=32,
        skip_broken=True,
        class_depth=2,
        captions="drop",
        max_pixels=99,
    )
    monkeypatch.setattr(sides, "run_config", lambda folder: trained)
    texts = ModelConfig("text2image", 32, 3, "float32", 8, trained.model, Condition("text"))
    judged = Side("run:r", Path("r"), texts)

    def read(side, real, *, skip_broken=False, captions=None):
        return tuple(reading_of(side, real, skip_broken=skip_broken, captions=captions).reading.values())[:3]

    assert read(judged, "folder:./photos") == (True, 2, "drop")
    assert read(judged, "folder:./photos", captions="empty") == (True, 2, "empty")
    pixels = [reading_of(judged, "folder:./photos", skip_broken=False, captions=None, max_pixels=n) for n in (None, 7)]
    assert [options.max_pixels for options in pixels] == [99, 7]
    assert read(judged, "folder:others") == (False, 1, "require")
    assert read(judged, "folder:others", skip_broken=True, captions="drop") == (True, 1, "drop")
    assert read(Side("folder:photos"), "folder:photos") == (False, 1, "require")
    with pytest.raises(InputError, match=r"--captions drop does nothing for folder:photos, a set of images\. Leave"):
        read(Side("folder:photos"), "folder:photos", captions="drop")
    images = Side("run:r", Path("r"), ModelConfig("vae", 32, 3, "float32", 8, VaeConfig()))
    with pytest.raises(InputError, match=r"--captions drop does nothing for a VAE, which reads none\. Leave it out\."):
        read(images, "folder:others", captions="drop")


def test_a_part_that_is_compared_is_said_with_its_number(judged, npz, capsys):
    spec = npz("other", grey(50))
    assert judged(spec, spec, split="test")[0].n_real == 10
    assert f"{spec}: 10 of 50 images are compared, those of --split test. Use --split all" in capsys.readouterr().err
    assert judged(spec, spec)[0].n_real == 50
    assert "are compared" not in capsys.readouterr().err
    assert (load("glyphs", num=5).whole, load(spec, size=32, num=2).whole) == (0, 50)
