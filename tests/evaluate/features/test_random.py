"""random-v1: the same weights everywhere, three networks side by side, and distances that are averaged over them."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from genjax.data import load
from genjax.errors import InputError
from genjax.evaluate import evaluate_images, extract_features, kernel_distance, load_extractor
from genjax.evaluate.features import random as random_features
from genjax.evaluate.features.extractor import feature_sets
from genjax.evaluate.features.random import check_weights, draw_weights


@pytest.fixture(scope="module")
def extractor():
    return load_extractor("random-v1")


@pytest.fixture(scope="module")
def glyphs():
    return [load("glyphs", size=16, split=split, num=200).images[np.arange(200)] for split in ("test", "train")]


def test_the_weights_are_scaled_and_always_the_same():
    weights = draw_weights(0)
    assert weights["conv_1/kernel"].ravel()[:3].tolist() == [
        0.12912872433662415,
        -0.21704716980457306,
        -0.43277430534362793,
    ]
    for kernel in weights.values():
        inputs = np.prod(kernel.shape[:-1])
        assert kernel.dtype == np.float32
        assert abs(kernel.std() * np.sqrt(inputs / 2) - 1) < 0.05
    check_weights([draw_weights(seed) for seed in (0, 1, 2)])


def test_other_weights_are_refused(monkeypatch):
    monkeypatch.setattr(random_features, "SEEDS", (0, 1, 3))
    with pytest.raises(InputError, match=r"weights drawn for random-v1 have the sha256 .*this numpy"):
        random_features.random_v1()


def test_three_networks_side_by_side(extractor, glyphs):
    assert (extractor.dim, extractor.sets, extractor.size) == (672, 3, 32)
    features = extract_features(extractor, glyphs[0], batch=100)
    sets = feature_sets(extractor, features)
    assert [part.shape for part in sets] == [(200, 224)] * 3
    np.testing.assert_array_equal(np.concatenate(sets, axis=1), features)
    assert not np.allclose(sets[0], sets[1])
    assert (features.std(axis=0) > 1e-4).all()


def test_the_golden_features(extractor):
    rows = np.arange(64)
    image = (rows[:, None, None] * 3 + rows[None, :, None] ** 2 * np.array([1, 2, 3])) % 256
    features = extract_features(extractor, image.astype(np.uint8)[None], batch=1)[0]
    golden = [0.1693546, 0.1843737, 0.1501305, 0.0902999, -0.0010595]
    np.testing.assert_allclose(features[[0, 1, 100, 223, 572]], golden, atol=1e-5)
    assert np.linalg.norm(features) == pytest.approx(5.2164612, abs=1e-4)


def test_grey_and_equal_colours_are_the_same(extractor, glyphs):
    grey = glyphs[0][:4]
    colour = extract_features(extractor, np.repeat(grey, 3, axis=-1), batch=4)
    np.testing.assert_allclose(extract_features(extractor, grey, batch=4), colour, atol=1e-6)


def test_a_record_is_the_mean_over_the_networks(extractor, glyphs):
    real, fake = glyphs
    records = evaluate_images(real, fake, extractor=extractor, metrics=("kd", "recall"))
    kernel, recall = records
    features = [extract_features(extractor, images) for images in glyphs]
    parts = zip(*(feature_sets(extractor, part) for part in features), strict=True)
    assert kernel.value == pytest.approx(np.mean([kernel_distance(*pair) for pair in parts]))
    assert (kernel.name, recall.name) == ("KD[random-v1]", "recall[random-v1]")
    for record in records:
        assert record.method.endswith(", mean of 3 feature sets")
        assert record.interval is not None
        assert record.interval[0] <= record.value <= record.interval[1]
    plain = evaluate_images(real, fake, extractor=extractor, metrics=("kd",), intervals=())[0]
    assert (plain.interval, plain.interval_note) == (None, "none: not asked for")


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["noise", "blur"])
def test_the_worse_is_the_farther(extractor, glyphs, damage):
    real, fake = glyphs
    values = [
        evaluate_images(real, spoil(fake, damage, amount), extractor=extractor, metrics=("fd", "kd"), intervals=())
        for amount in (0, 1, 2)
    ]
    for metric in zip(*values, strict=True):
        assert metric[0].value < metric[1].value < metric[2].value


def spoil(images, damage, amount):
    if damage == "noise":
        noise = np.random.default_rng(0).normal(0, 30 * amount, images.shape)
        return np.clip(images + noise, 0, 255).astype(np.uint8)
    blur = ImageFilter.GaussianBlur(amount)
    return np.stack([np.asarray(Image.fromarray(image[..., 0]).filter(blur)) for image in images])[..., None]
