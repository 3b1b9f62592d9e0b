"""Fidelity and coverage by nearest neighbours: is an image inside the other set, and is that set covered?

Each image of a set carries a ball that reaches to its k-th neighbour; the balls together stand for where the set lies.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from genjax.evaluate.metrics.check import Floats, check_features, check_neighbours

BLOCK = 1 << 23  # distances held at once: 64 MiB, and twice that while they are sorted


def precision_recall(real_features: ArrayLike, fake_features: ArrayLike, *, k: int = 3) -> tuple[float, float]:
    """Precision: the part of the fakes inside a ball of the reals. Recall: the reverse. (Kynkäänniemi et al. 2019)

    On the edge of a ball is inside.

    Args:
        real_features: (n, d).
        fake_features: (m, d).
        k: neighbour to which a ball reaches, the image itself not counted; below n and m.
    Returns:
        (precision, recall), each from 0 to 1.
    Raises:
        InputError: see `check_features`; k too large.
    """
    real, fake = _checked(real_features, fake_features, k)
    slack = _rounding(real, fake)
    real_radii, fake_radii = _radii(real, k) + slack, _radii(fake, k) + slack
    precise, recalled = np.zeros(len(fake), bool), np.zeros(len(real), bool)
    for rows, distances in squared_distances(real, fake):
        precise |= (distances <= real_radii[rows, None]).any(axis=0)
        recalled[rows] = (distances <= fake_radii).any(axis=1)
    return float(precise.mean()), float(recalled.mean())


def density_coverage(real_features: ArrayLike, fake_features: ArrayLike, *, k: int = 5) -> tuple[float, float]:
    """Density: balls of reals that a fake lies in, of k. Coverage: the part of the reals with a fake in their ball.

    On the edge of a ball is outside, as in the authors' code. (Naeem et al. 2020, eq. 3 and 4)

    Args:
        real_features: (n, d).
        fake_features: (m, d).
        k: neighbour to which a ball reaches, the image itself not counted; below n and m.
    Returns:
        (density, coverage): 0 or more, about 1 for sets of one distribution; and from 0 to 1.
    Raises:
        InputError: see `check_features`; k too large.
    """
    real, fake = _checked(real_features, fake_features, k)
    radii = _radii(real, k) - _rounding(real, fake)
    balls, covered = 0, np.zeros(len(real), bool)
    for rows, distances in squared_distances(real, fake):
        inside = distances < radii[rows, None]
        balls += int(inside.sum())
        covered[rows] = inside.any(axis=1)
    return balls / (k * len(fake)), float(covered.mean())


def squared_distances(features: Floats, others: Floats) -> Iterator[tuple[slice, Floats]]:
    """Squared Euclidean distances of some rows after the other to all of `others`, so that memory stays small.

    Args:
        features: (n, d).
        others: (m, d).
    Yields:
        A slice of the rows, and (rows, m).
    """
    lengths = (others * others).sum(axis=1)
    step = max(1, BLOCK // len(others))
    for start in range(0, len(features), step):
        rows = slice(start, min(start + step, len(features)))
        distances = features[rows] @ others.T
        distances *= -2
        distances += (features[rows] * features[rows]).sum(axis=1)[:, None]
        distances += lengths
        yield rows, np.maximum(distances, 0, out=distances)


def _checked(real_features: ArrayLike, fake_features: ArrayLike, k: int) -> tuple[Floats, Floats]:
    real, fake = check_features(real_features, fake_features)
    check_neighbours(k, real, fake)
    centre = real.mean(axis=0)  # distances stay; near the origin they lose fewer digits
    return real - centre, fake - centre


def _radii(features: Floats, k: int) -> Floats:
    """Squared distance of each row to its k-th neighbour."""
    radii = np.empty(len(features))
    for rows, distances in squared_distances(features, features):
        distances[np.arange(len(distances)), np.arange(rows.start, rows.stop)] = np.inf
        radii[rows] = np.partition(distances, k - 1, axis=1)[:, k - 1]
    return radii


def _rounding(real: Floats, fake: Floats) -> float:
    """By how much two equal squared distances may differ as they are computed here.

    A copied image lies exactly on the edge of a ball. Whether it counts must not depend on the last digit.
    """
    longest = max((real * real).sum(axis=1).max(), (fake * fake).sum(axis=1).max())
    return float(4 * (real.shape[1] + 4) * np.finfo(np.float64).eps * longest)
