"""The extractor: any size, any number, the right weights; and features that order images as a person would."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import safetensors.numpy
from PIL import Image, ImageFilter

from genjax.data import load
from genjax.data.images import fit
from genjax.errors import InputError
from genjax.evaluate import extract_features, frechet_distance, kernel_distance, load_extractor
from genjax.evaluate.features.embedded import EMBEDDED_V1_SHA256, WEIGHTS
from genjax.evaluate.features.extractor import resized
from genjax.evaluate.features.published import read_weights
from genjax.evaluate.features.registry import EXTRACTORS, extractors_help

KINDS = [("digits", 16, 1), ("glyphs", 16, 1), ("glyphs", 32, 3)]


@pytest.fixture(scope="module")
def extractor():
    return load_extractor("embedded-v1")


@pytest.fixture(scope="module")
def digits():
    return load("digits", size=16, split="test").images[np.arange(300)]


@pytest.fixture(scope="module", params=KINDS, ids=str)
def ladders(request, extractor):
    """Features of held-out images, and of images that get worse and worse."""
    spec, size, channels = request.param
    real = load(spec, size=size, channels=channels, split="test", num=200)
    fake = load(spec, size=size, channels=channels, num=200)
    images, labels = fake.images[np.arange(200)], fake.labels
    assert labels is not None
    ladders = {
        "noise": [images, *(with_noise(images, deviation) for deviation in (20, 50, 100))],
        "blur": [images, *(with_blur(images, radius) for radius in (0.5, 1, 2))],
        "dropped classes": [images[labels < kept] for kept in (10, 5, 1)],
    }
    features = {
        name: [extract_features(extractor, version, batch=100) for version in versions]
        for name, versions in ladders.items()
    }
    return extract_features(extractor, real.images[np.arange(200)], batch=100), features


def with_noise(images, deviation):
    noise = np.random.default_rng(0).normal(0, deviation, images.shape)
    return np.clip(images + noise, 0, 255).astype(np.uint8)


def with_blur(images, radius):
    filtered = ImageFilter.GaussianBlur(radius * images.shape[1] / 16)
    mode = images[..., 0] if images.shape[-1] == 1 else images
    return np.stack([np.asarray(Image.fromarray(image).filter(filtered)) for image in mode]).reshape(images.shape)


def test_it_says_what_a_record_needs(extractor):
    assert (extractor.name, extractor.version, extractor.dim, extractor.size) == ("embedded-v1", "1", 192, 32)
    assert extractor.sha256 == hashlib.sha256((WEIGHTS / "embedded-v1.safetensors").read_bytes()).hexdigest()
    assert "BICUBIC" in extractor.resize
    assert load_extractor("embedded-v1") is extractor


def test_the_weights_are_small():
    assert (WEIGHTS / "embedded-v1.safetensors").stat().st_size < 1_000_000


def test_an_unknown_extractor_teaches():
    with pytest.raises(InputError, match=r"unknown extractor 'embeded-v1'\. Did you mean 'embedded-v1'"):
        load_extractor("embeded-v1")


def test_the_help_names_every_extractor():
    names = [line.partition(": ")[0] for line in extractors_help().splitlines()]
    assert names == list(EXTRACTORS) == ["embedded-v1", "random-v1", "efflite0", "inception"]


def test_other_weights_are_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    with pytest.raises(InputError, match="cannot be read"):
        read_weights(path, EMBEDDED_V1_SHA256)
    safetensors.numpy.save_file({"mean": np.zeros(2, np.float16)}, path)
    with pytest.raises(InputError, match="are not those of this extractor"):
        read_weights(path, EMBEDDED_V1_SHA256)
    found = read_weights(path, hashlib.sha256(path.read_bytes()).hexdigest())
    assert found["mean"].dtype == np.float32


def test_features_do_not_depend_on_the_batch(extractor, digits):
    images = digits[:11]
    whole = extract_features(extractor, images, batch=4)
    assert whole.shape == (11, 192)
    assert whole.dtype == np.float64
    alone = extract_features(extractor, images[5:6], batch=4)
    np.testing.assert_allclose(alone, whole[5:6], atol=1e-5)


def test_every_size_is_brought_to_one_by_the_one_rule():
    image = np.random.default_rng(0).integers(256, size=(1, 40, 48, 3), dtype=np.uint8)
    np.testing.assert_array_equal(resized(image, 32)[0], fit(image[0], 32, 3))
    grey = image[..., :1]
    np.testing.assert_array_equal(resized(grey, 32)[0], np.repeat(fit(grey[0], 32, 1), 3, axis=-1))
    np.testing.assert_array_equal(resized(grey[:, :32, :32], 32), np.repeat(grey[:, :32, :32], 3, axis=-1))


def test_grey_and_equal_colours_are_the_same(extractor, digits):
    grey = digits[:4]
    np.testing.assert_allclose(
        extract_features(extractor, grey, batch=4),
        extract_features(extractor, np.repeat(grey, 3, axis=-1), batch=4),
        atol=1e-5,
    )


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 8, 8, 1), np.float32), "images are float32, expected uint8"),
        (np.zeros((2, 8, 8), np.uint8), r"shape \(2, 8, 8\), expected"),
        (np.zeros((2, 8, 8, 4), np.uint8), "1 or 3"),
        (np.zeros((0, 8, 8, 3), np.uint8), r"shape \(0, 8, 8, 3\)"),
    ],
)
def test_other_images_are_refused(extractor, images, message):
    with pytest.raises(InputError, match=message):
        extract_features(extractor, images)


def test_features_are_of_order_one_and_none_is_dead(ladders):
    real, _ = ladders
    assert 0.3 < real.std(axis=0).mean() < 3
    assert (real.std(axis=0) > 1e-3).all()


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
@pytest.mark.parametrize("damage", ["noise", "blur", "dropped classes"])
def test_the_worse_is_the_farther(ladders, damage, distance):
    real, versions = ladders
    distances = [distance(real, features) for features in versions[damage]]
    assert distances == sorted(distances)


def test_one_kind_is_near_and_another_is_far(extractor, digits):
    rng = np.random.default_rng(0)
    one, other = (extract_features(extractor, part) for part in np.split(rng.permutation(digits), 2))
    indices = np.arange(200)
    glyphs = extract_features(extractor, load("glyphs", size=16, split="test", num=200).images[indices])
    letters = extract_features(extractor, load("glyphs:letters", size=16, split="test", num=200).images[indices])
    assert abs(kernel_distance(one, other)) < 0.1
    assert kernel_distance(one, glyphs) > 1
    assert kernel_distance(glyphs, letters) > 0.1
    assert frechet_distance(one, glyphs) > 10 * frechet_distance(one, other)


def test_importing_the_metrics_does_not_start_jax():
    code = "import sys, genjax.evaluate; assert not {'jax', 'flax', 'sklearn'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
