"""The cache of features of real sets, with their mean and covariance: the same set is asked for again and again.

Files lie in the user's cache folder under the hash of the images and of all that the extractor is, so that nothing has
to be cleared when either changes. If a file cannot be read or written, the features are computed.
"""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genjax.devices.backend import cache_folder
from genjax.errors import InputError
from genjax.evaluate.features.extractor import Extractor, extract_features

LARGEST_KEPT = 1 << 28  # bytes of features beside the statistics: 50,000 images of 670 features


class Statistics(NamedTuple):
    """Mean and covariance of a set, which the Fréchet distance compares.

    Attributes:
        mean: mean (d,) of the features, float64.
        covariance: covariance (d, d) of the features, with n - 1, float64.
        num: number of images.
    """

    mean: np.ndarray
    covariance: np.ndarray
    num: int


class Kept(NamedTuple):
    """The cache entry of a real set.

    Attributes:
        statistics: mean and covariance of the features.
        features: features (n, d), float64; None where they are too many to keep.
    """

    statistics: Statistics
    features: np.ndarray | None


def real_features(images: np.ndarray, extractor: Extractor, *, folder: Path | None = None) -> np.ndarray:
    """Returns the features (n, d) of a real set, from the cache if possible. Arguments as in `real_statistics`."""
    kept = _kept(images, extractor, folder or cache_folder())
    return extract_features(extractor, images) if kept.features is None else kept.features


def real_statistics(images: np.ndarray, extractor: Extractor, *, folder: Path | None = None) -> Statistics:
    """Returns the statistics of a real set, from the cache if they are there.

    Args:
        images: uint8 (n, height, width, 1 or 3).
        extractor: network of `load_extractor`.
        folder: folder of the cache; by default the user's own.
    Raises:
        InputError: images of another type or shape, or fewer than two.
    """
    return _kept(images, extractor, folder or cache_folder()).statistics


def statistics_of(features: np.ndarray) -> Statistics:
    """Computes mean and covariance of features (n, d).

    Raises:
        InputError: fewer than two images.
    """
    if len(features) < 2:
        raise InputError(f"a covariance needs 2 or more images, not {len(features)}. Use more images.")
    features = np.asarray(features, np.float64)
    mean = features.mean(axis=0)
    centred = features - mean
    # S = X^T X / (n - 1) of the centred features X
    return Statistics(mean, centred.T @ centred / (len(features) - 1), len(features))


def image_hash(images: np.ndarray) -> str:
    """Computes the sha256, in hex, of shape and pixels."""
    digest = hashlib.sha256(repr(tuple(int(extent) for extent in images.shape)).encode())
    digest.update(np.ascontiguousarray(images).data)
    return digest.hexdigest()


def _kept(images: np.ndarray, extractor: Extractor, folder: Path | None) -> Kept:
    """Returns the cache entry, or computes and writes it."""
    path = folder / f"{_key(images, extractor)}.safetensors" if folder else None
    kept = _read(path, extractor.dim) if path else None
    if kept is not None and kept.statistics.num == len(images):
        return kept
    features = extract_features(extractor, images)
    kept = Kept(statistics_of(features), features)
    if path:
        _write(path, kept if features.nbytes <= LARGEST_KEPT else kept._replace(features=None))
    return kept


def _key(images: np.ndarray, extractor: Extractor) -> str:
    identity = (image_hash(images), extractor.name, extractor.version, extractor.sha256, extractor.resize)
    return hashlib.sha256("\n".join(identity).encode()).hexdigest()


def _read(path: Path, dim: int) -> Kept | None:
    """Reads a cache entry; None without one, or if it is not as it was written."""
    import safetensors
    import safetensors.numpy

    try:
        found = safetensors.numpy.load(path.read_bytes())
        whole = found.pop("digest").tobytes() == _digest(found)
        statistics = Statistics(found["mean"], found["covariance"], int(found["num"][0]))
    except (OSError, safetensors.SafetensorError, KeyError, IndexError, ValueError, TypeError):
        return None
    right = statistics.mean.shape == (dim,) and statistics.covariance.shape == (dim, dim)
    return Kept(statistics, found.get("features")) if whole and right else None


def _write(path: Path, kept: Kept) -> None:
    """Writes a cache entry whole or not at all: another process may read or write the same file."""
    import safetensors.numpy

    arrays = {
        "mean": kept.statistics.mean,
        "covariance": kept.statistics.covariance,
        "num": np.array([kept.statistics.num], np.int64),
    }
    if kept.features is not None:
        arrays["features"] = kept.features
    arrays["digest"] = np.frombuffer(_digest(arrays), np.uint8)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    except OSError:
        return  # a full or read-only disk costs time, not the result
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(safetensors.numpy.save(arrays))
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)


def _digest(arrays: Mapping[str, np.ndarray]) -> bytes:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.data)
    return digest.digest()
