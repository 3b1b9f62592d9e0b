"""Statistics of a real set: the right numbers, computed once, and computed again whenever anything is not as it was."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from genjax.errors import InputError
from genjax.evaluate import Extractor
from genjax.evaluate.features import statistics
from genjax.evaluate.features.statistics import cache_folder, real_features, real_statistics, statistics_of


@pytest.fixture
def calls():
    """How often the network was asked."""
    return []


@pytest.fixture
def extractor(calls):
    def apply(images):
        calls.append(len(images))
        return images.reshape(len(images), -1)[:, :5].astype(np.float64)

    return Extractor("corner", "1", "0" * 64, 5, 8, "as they are", apply, batch=16)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(256, size=(12, 8, 8, 3), dtype=np.uint8)


def test_the_numbers(images, extractor, tmp_path):
    found = real_statistics(images, extractor, folder=tmp_path)
    features = images.reshape(12, -1)[:, :5].astype(np.float64)
    np.testing.assert_allclose(found.mean, features.mean(axis=0))
    np.testing.assert_allclose(found.covariance, np.cov(features.T))
    assert found.num == 12


def test_they_are_computed_once(images, extractor, calls, tmp_path):
    first = real_statistics(images, extractor, folder=tmp_path)
    again = real_statistics(images.copy(), extractor, folder=tmp_path)
    assert len(calls) == 1
    assert again.num == first.num
    np.testing.assert_array_equal(again.mean, first.mean)
    np.testing.assert_array_equal(again.covariance, first.covariance)
    assert [path.suffix for path in tmp_path.iterdir()] == [".safetensors"]


def test_features_are_kept_with_them_unless_they_are_too_many(images, extractor, calls, tmp_path, monkeypatch):
    features = images.reshape(12, -1)[:, :5].astype(np.float64)
    for _ in range(2):
        np.testing.assert_array_equal(real_features(images, extractor, folder=tmp_path / "all"), features)
    assert len(calls) == 1
    monkeypatch.setattr(statistics, "LARGEST_KEPT", features.nbytes - 1)
    real_statistics(images, extractor, folder=tmp_path / "few")
    np.testing.assert_array_equal(real_features(images, extractor, folder=tmp_path / "few"), features)
    assert len(calls) == 3


@pytest.mark.parametrize("change", ["name", "version", "sha256", "resize"])
def test_another_extractor_is_another_entry(images, extractor, calls, tmp_path, change):
    real_statistics(images, extractor, folder=tmp_path)
    real_statistics(images, dataclasses.replace(extractor, **{change: "another"}), folder=tmp_path)
    assert len(calls) == 2


def test_other_images_are_another_entry(images, extractor, calls, tmp_path):
    real_statistics(images, extractor, folder=tmp_path)
    real_statistics(images[::-1], extractor, folder=tmp_path)
    real_statistics(images ^ np.uint8(1), extractor, folder=tmp_path)
    assert len(calls) == 3


@pytest.mark.parametrize("place", [0, 0.3, 0.9])
def test_a_damaged_file_is_computed_again(images, extractor, calls, tmp_path, place):
    first = real_statistics(images, extractor, folder=tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    broken = bytearray(whole)
    broken[int(place * len(whole))] ^= 0x55
    for content in (bytes(broken), whole[: len(whole) // 2], b""):
        path.write_bytes(content)
        np.testing.assert_array_equal(real_statistics(images, extractor, folder=tmp_path).mean, first.mean)
        assert path.read_bytes() == whole
    assert len(calls) == 4


def test_an_interrupted_write_leaves_nothing(images, extractor, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(statistics.os, "replace", fail)
    assert real_statistics(images, extractor, folder=tmp_path).num == 12
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_costs_nothing_but_time(images, extractor, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert real_statistics(images, extractor, folder=tmp_path / "file" / "genjax").num == 12


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "genjax"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for ignored in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert cache_folder() == tmp_path / "home" / ".cache" / "genjax"


def test_without_a_home(monkeypatch, images, extractor, calls):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert cache_folder() is None
    for _ in range(2):
        real_statistics(images, extractor)
    assert len(calls) == 2


def test_the_default_folder_is_used(monkeypatch, tmp_path, images, extractor, calls):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for _ in range(2):
        real_statistics(images, extractor)
    assert len(calls) == 1
    assert os.listdir(tmp_path) == ["genjax"]


def test_one_image_has_no_covariance():
    with pytest.raises(InputError, match="2 or more images, not 1"):
        statistics_of(np.ones((1, 3)))
