"""inception: TensorFlow's resizing, the names that only these weights may bear, and files that are others."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import InputError
from genjax.evaluate import extract_features, load_extractor, metric_name
from genjax.evaluate.features import inception
from genjax.evaluate.features.inception import class_logits, parameters, resize_like_tensorflow
from genjax.evaluate.records import INCEPTION_SHA256
from genjax.models.features.inception import Inception
from genjax.tree import flatten


@pytest.fixture(scope="module")
def state():
    """Arrays as the file has them, with He-scaled convolutions and batch norms that do nothing."""
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(Inception().init, jax.random.key(0), jnp.zeros((1, 299, 299, 3)))["params"]
    arrays = {"fc.weight": rng.normal(size=(1008, 2048)).astype(np.float32), "fc.bias": np.ones(1008, np.float32)}
    for name, leaf in flatten(shapes).items():
        layer, part = name.replace("/", ".").rsplit(".", 1)
        if part == "kernel":
            kernel = rng.standard_normal(leaf.shape, np.float32) * np.sqrt(2 / np.prod(leaf.shape[:-1]))
            arrays[f"{layer}.conv.weight"] = kernel.astype(np.float32).transpose(3, 2, 0, 1)
            for norm, value in {"weight": 1, "bias": 0, "running_mean": 0, "running_var": 1}.items():
                arrays[f"{layer}.bn.{norm}"] = np.full(leaf.shape[-1], value, np.float32)
    return arrays


@pytest.fixture
def given(monkeypatch, state):
    """Stands in for the file."""
    monkeypatch.setattr(inception, "read_inception", lambda path: state)


@pytest.mark.parametrize("path", ["inception", "inception:"])
def test_a_file_is_asked_for(path):
    with pytest.raises(InputError, match=r"inception:PATH\. The file is pt_inception-2015-12-05"):
        load_extractor(path)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_extractor(f"inception:{tmp_path / 'none.pth'}")
    (tmp_path / "other.pth").write_bytes(b"other weights")
    with pytest.raises(InputError, match=f"are not those of this extractor.*expected {INCEPTION_SHA256[:12]}") as error:
        load_extractor(f"inception:{tmp_path / 'other.pth'}")
    assert "\n" not in str(error.value)


def test_the_published_names(given):
    extractor = inception.inception("weights.pth")
    assert (extractor.name, extractor.dim, extractor.size) == ("inception", 2048, 299)
    assert metric_name("FD", extractor.name, extractor.sha256) == "FID"
    assert metric_name("KD", extractor.name, extractor.sha256) == "KID"


def test_the_parameters_are_those_of_the_network(state):
    expected = jax.eval_shape(Inception().init, jax.random.key(0), jnp.zeros((1, 299, 299, 3)))["params"]
    found = parameters(state)
    assert {name: array.shape for name, array in found.items()} == {
        name: leaf.shape for name, leaf in flatten(expected).items()
    }


@pytest.mark.slow
def test_images_of_any_size_grey_or_colour(given):
    extractor = inception.inception("weights.pth")
    grey = np.random.default_rng(0).integers(256, size=(3, 20, 24, 1), dtype=np.uint8)
    features = extract_features(extractor, grey, batch=2)
    assert features.shape == (3, 2048)
    assert features.std() > 0.1
    colour = extract_features(extractor, np.repeat(grey, 3, axis=-1), batch=2)
    np.testing.assert_allclose(colour, features, rtol=1e-5, atol=1e-4)


def test_logits_are_without_bias(given, state):
    features = np.random.default_rng(0).normal(size=(2, 2048))
    np.testing.assert_allclose(class_logits("weights.pth", features), features @ state["fc.weight"].T.astype(float))


def test_resizing_by_hand():
    # Twice as wide: every second pixel is an old one, those between are means, and the last is repeated.
    row = jnp.array([0.0, 10.0, 30.0, 20.0]).reshape(1, 1, 4, 1)
    square = resize_like_tensorflow(jnp.repeat(row, 4, axis=1), 8)
    np.testing.assert_array_equal(square[0, 3, :, 0], [0, 5, 10, 20, 30, 25, 20, 20])
    # Half as wide: every second pixel, and nothing of those between.
    square = resize_like_tensorflow(jnp.repeat(row, 4, axis=1), 2)
    np.testing.assert_array_equal(square[0, 1, :, 0], [0, 30])


def test_resizing_keeps_what_needs_none():
    images = jnp.asarray(np.random.default_rng(0).uniform(0, 255, (2, 9, 9, 3)).astype(np.float32))
    np.testing.assert_array_equal(resize_like_tensorflow(images, 9), images)
    flat = resize_like_tensorflow(jnp.full((1, 5, 7, 3), 17.0), 9)
    np.testing.assert_array_equal(flat, np.full((1, 9, 9, 3), 17.0))
    turned = resize_like_tensorflow(images.transpose(0, 2, 1, 3), 13)
    np.testing.assert_allclose(turned.transpose(0, 2, 1, 3), resize_like_tensorflow(images, 13), atol=1e-4)
