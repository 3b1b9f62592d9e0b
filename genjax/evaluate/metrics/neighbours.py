"""Precision, recall, density and coverage: fidelity and variety by nearest neighbours in feature space.

Each image of a set carries a ball that reaches to its k-th neighbour; the balls together stand for where the set lies.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from genjax.evaluate.metrics.check import Floats, check_features, check_neighbours, check_one
from genjax.evaluate.metrics.metric import (
    AT_LEAST_0,
    FROM_0_TO_1,
    Measured,
    MetricSpec,
    Sets,
    measure_with_jackknife,
)

RECALL_K = 3  # (Kynkäänniemi et al. 2019)
COVERAGE_K = 5  # (Naeem et al. 2020)
BLOCK = 1 << 23  # distances held at once: 64 MiB, and twice that while they are sorted


def precision_recall(real_features: ArrayLike, fake_features: ArrayLike, *, k: int = RECALL_K) -> tuple[float, float]:
    """Computes precision, the share of fakes inside a ball of the reals, and recall, the reverse.

    An image on the edge of a ball is inside. (Kynkäänniemi et al. 2019, eq. 1 and 2)

    Args:
        real_features: features (n, d).
        fake_features: features (m, d).
        k: neighbour to which a ball reaches, the image itself not counted; below n and m.
    Returns:
        (precision, recall), each from 0 to 1.
    Raises:
        InputError: see `check_features`; k too large.
    """
    real, fake = _checked(real_features, fake_features, k)
    slack = _rounding(real, fake)
    # Larger by the rounding error: the edge is inside.
    real_radii, fake_radii = _radii(real, k) + slack, _radii(fake, k) + slack
    # precision = mean over fakes of [in any real ball]; recall = mean over reals of [in any fake ball]
    precise, recalled = np.zeros(len(fake), bool), np.zeros(len(real), bool)
    for rows, distances in squared_distances(real, fake):
        # (rows, m) of [fake j in the ball of real i]
        precise |= (distances <= real_radii[rows, None]).any(axis=0)
        # (rows, m) of [real i in the ball of fake j]
        recalled[rows] = (distances <= fake_radii).any(axis=1)
    return float(precise.mean()), float(recalled.mean())


def recalled(real_features: ArrayLike, fake_features: ArrayLike, *, k: int = RECALL_K) -> float:
    """Computes recall alone, as `precision_recall` does; of the reals one is enough, which have no balls here."""
    real, fake = check_one(real_features, "real", 1), check_one(fake_features, "generated", 2)
    check_neighbours(k, fake, fake)
    centre = fake.mean(axis=0)
    real, fake = real - centre, fake - centre
    radii = _radii(fake, k) + _rounding(real, fake)
    return float(np.mean(np.concatenate([(found <= radii).any(axis=1) for _, found in squared_distances(real, fake)])))


def density_coverage(real_features: ArrayLike, fake_features: ArrayLike, *, k: int = COVERAGE_K) -> tuple[float, float]:
    """Computes density, the real balls that a fake lies in over k, and coverage, the share of reals with a fake near.

    An image on the edge of a ball is outside, as in the authors' code. (Naeem et al. 2020, eq. 3 and 4)

    Args:
        real_features: features (n, d).
        fake_features: features (m, d).
        k: neighbour to which a ball reaches, the image itself not counted; below n and m.
    Returns:
        (density, coverage): 0 or more, about 1 for sets of one distribution; and from 0 to 1.
    Raises:
        InputError: see `check_features`; k too large.
    """
    real, fake = _checked(real_features, fake_features, k)
    radii = _radii(real, k) - _rounding(real, fake)  # smaller: the edge is outside
    # density = 1/(k m) sum over fakes and reals of [fake in ball]; coverage = mean over reals of [any fake in ball]
    balls, covered = 0, np.zeros(len(real), bool)
    for rows, distances in squared_distances(real, fake):
        inside = distances < radii[rows, None]
        balls += int(inside.sum())
        covered[rows] = inside.any(axis=1)
    return balls / (k * len(fake)), float(covered.mean())


def measure_precision_recall(sets: Sets, seed: int, intervals: bool) -> dict[str, Measured]:
    """Measures precision and recall, with jackknife intervals."""
    return measure_with_jackknife(
        lambda real, fake: precision_recall(real, fake, k=RECALL_K),
        sets,
        {"precision": FROM_0_TO_1, "recall": FROM_0_TO_1},
        method=f"k={RECALL_K}",
        seed=seed,
        intervals=intervals,
    )


def measure_density_coverage(sets: Sets, seed: int, intervals: bool) -> dict[str, Measured]:
    """Measures density and coverage, with jackknife intervals; a caveat counts the real images that have no ball."""
    measured = measure_with_jackknife(
        lambda real, fake: density_coverage(real, fake, k=COVERAGE_K),
        sets,
        {"density": AT_LEAST_0, "coverage": FROM_0_TO_1},
        method=f"k={COVERAGE_K}",
        seed=seed,
        intervals=intervals,
    )
    count = without_ball(sets.real, COVERAGE_K)
    caveat = (
        f"{count} of {len(sets.real)} real images are there {COVERAGE_K + 1} times or more, and count as never"
        " reached by a generated image; leave out the duplicates"
    )
    return {name: found._replace(caveats=(caveat,) if count else ()) for name, found in measured.items()}


def without_ball(features: Floats, k: int) -> int:
    """Counts the rows (n, d) whose k-th neighbour lies at distance 0: nothing is inside a ball of radius 0."""
    centred = features - features.mean(axis=0)
    return int((_radii(centred, k) <= _rounding(centred, centred)).sum())


PRECISION_RECALL_SPEC = MetricSpec(
    names={"precision": "precision", "recall": "recall"},
    measure=measure_precision_recall,
    summary="Shares of generated images that lie among real ones, and of real images that lie among generated ones.",
    least=RECALL_K + 1,
    core=True,
)
DENSITY_COVERAGE_SPEC = MetricSpec(
    names={"density": "density", "coverage": "coverage"},
    measure=measure_density_coverage,
    summary="How deep generated images lie among real ones (about 1 for real images), and the share of real images with"
    " a generated one near them.",
    least=COVERAGE_K + 1,
    core=True,
)


def squared_distances(features: Floats, others: Floats) -> Iterator[tuple[slice, Floats]]:
    """Computes squared Euclidean distances to all of `others`, some rows at a time so that memory stays small.

    Args:
        features: rows (n, d).
        others: rows (m, d).
    Yields:
        A slice of the rows, and their distances (rows, m).
    """
    lengths = (others * others).sum(axis=1)  # |y|^2, (m,)
    step = max(1, BLOCK // len(others))
    for start in range(0, len(features), step):
        rows = slice(start, min(start + step, len(features)))
        # |x - y|^2 = |x|^2 - 2 x.y + |y|^2, in place
        distances = features[rows] @ others.T
        distances *= -2
        distances += (features[rows] * features[rows]).sum(axis=1)[:, None]
        distances += lengths
        yield rows, np.maximum(distances, 0, out=distances)  # rounding may lead below 0


def _checked(real_features: ArrayLike, fake_features: ArrayLike, k: int) -> tuple[Floats, Floats]:
    real, fake = check_features(real_features, fake_features)
    check_neighbours(k, real, fake)
    centre = real.mean(axis=0)  # distances stay; near the origin they lose fewer digits
    return real - centre, fake - centre


def _radii(features: Floats, k: int) -> Floats:
    """Returns the squared distance (n,) of each row to its k-th neighbour in the same set."""
    radii = np.empty(len(features))
    for rows, distances in squared_distances(features, features):
        distances[np.arange(len(distances)), np.arange(rows.start, rows.stop)] = np.inf  # no row is its own neighbour
        # Only the k-th smallest is wanted, which is cheaper than sorting.
        radii[rows] = np.partition(distances, k - 1, axis=1)[:, k - 1]
    return radii


def _rounding(real: Floats, fake: Floats) -> float:
    """Returns the rounding error of squared distances, by which two equal ones may differ here.

    A copied image lies exactly on the edge of a ball. Whether it counts must not depend on the last digit.
    """
    longest = max((real * real).sum(axis=1).max(), (fake * fake).sum(axis=1).max())
    return float(4 * (real.shape[1] + 4) * np.finfo(np.float64).eps * longest)
