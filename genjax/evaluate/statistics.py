"""Mean and covariance of the features of a real set, kept on disk: the same set is asked for again and again.

They lie in the user's cache folder under the hash of the images and of all that the extractor is, so that nothing has
to be cleared when either changes. What cannot be read or written is computed.
"""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genjax.errors import InputError
from genjax.evaluate.features import Extractor, extract_features
from genjax.evaluate.scores import image_hash


class Statistics(NamedTuple):
    """What the Fréchet distance needs of a set.

    Attributes:
        mean: of the features, float64 (d,).
        covariance: of the features, with n - 1, float64 (d, d).
        num: images.
    """

    mean: np.ndarray
    covariance: np.ndarray
    num: int


def real_statistics(images: np.ndarray, extractor: Extractor, *, folder: Path | None = None) -> Statistics:
    """The statistics of a real set, from the cache where they are there.

    Args:
        images: uint8 (n, height, width, 1 or 3).
        extractor: of `load_extractor`.
        folder: of the cache; by default the user's own.
    Raises:
        InputError: images of another type or shape, or fewer than two.
    """
    folder = folder or cache_folder()
    path = folder / f"{_key(images, extractor)}.safetensors" if folder else None
    kept = _read(path, extractor.dim) if path else None
    if kept is not None and kept.num == len(images):
        return kept
    statistics = statistics_of(extract_features(extractor, images))
    if path:
        _write(path, statistics)
    return statistics


def statistics_of(features: np.ndarray) -> Statistics:
    """Mean and covariance of features (n, d).

    Raises:
        InputError: fewer than two images.
    """
    if len(features) < 2:
        raise InputError(f"a covariance needs 2 or more images, not {len(features)}. Use more images.")
    features = np.asarray(features, np.float64)
    mean = features.mean(axis=0)
    centred = features - mean
    return Statistics(mean, centred.T @ centred / (len(features) - 1), len(features))


def cache_folder() -> Path | None:
    """Where statistics are kept: genjax in XDG_CACHE_HOME, or in ~/.cache; None for a user without a home."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(given):  # others are to be ignored, says the specification
        return Path(given) / "genjax"
    try:
        return Path.home() / ".cache" / "genjax"
    except RuntimeError:
        return None


def _key(images: np.ndarray, extractor: Extractor) -> str:
    identity = (image_hash(images), extractor.name, extractor.version, extractor.sha256, extractor.resize)
    return hashlib.sha256("\n".join(identity).encode()).hexdigest()


def _read(path: Path, dim: int) -> Statistics | None:
    """What was kept; None where nothing was, or where it is not as it was written."""
    import safetensors
    import safetensors.numpy

    try:
        kept = safetensors.numpy.load(path.read_bytes())
        statistics = Statistics(kept["mean"], kept["covariance"], int(kept["num"][0]))
        whole = kept["digest"].tobytes() == _digest(statistics)
    except (OSError, safetensors.SafetensorError, KeyError, IndexError, ValueError, TypeError):
        return None
    right = statistics.mean.shape == (dim,) and statistics.covariance.shape == (dim, dim)
    return statistics if whole and right else None


def _write(path: Path, statistics: Statistics) -> None:
    """Whole or not at all: another process may read or write the same file."""
    import safetensors.numpy

    arrays = {
        "mean": statistics.mean,
        "covariance": statistics.covariance,
        "num": np.array([statistics.num], np.int64),
        "digest": np.frombuffer(_digest(statistics), np.uint8),
    }
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


def _digest(statistics: Statistics) -> bytes:
    digest = hashlib.sha256(f"{statistics.num} {statistics.mean.dtype} {statistics.covariance.dtype}".encode())
    digest.update(np.ascontiguousarray(statistics.mean).data)
    digest.update(np.ascontiguousarray(statistics.covariance).data)
    return digest.digest()
