"""The Fréchet distance between two sets of features: from features, from statistics, and without its bias.

Both sets are taken for Gaussians, and the distance grows as there are fewer images: compare it at equal counts only.
With standard Inception's features it is the FID; with other features it may not bear that name.
"""

import math
from contextlib import AbstractContextManager

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from genjax.errors import InputError
from genjax.evaluate.metrics.check import Floats, check_features
from genjax.evaluate.metrics.metric import AT_LEAST_0, Measured, MetricSpec, Sets, measure_with_jackknife


def frechet_distance(real_features: ArrayLike, fake_features: ArrayLike) -> float:
    """Computes |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) of two means m and covariances S.

    (Heusel et al. 2017, eq. 6) No matrix root is needed: tr (S1 S2)^(1/2) is the sum of the singular values of
    A B^T / sqrt((n-1)(m-1)), where A and B are the centred features. That is exact for any number of images, also for
    fewer than features.

    Args:
        real_features: features (n, d), n >= 2.
        fake_features: features (m, d), m >= 2.
    Returns:
        The squared distance, 0 or more. It is biased upwards where images are few.
    Raises:
        InputError: see `check_features`.
    """
    real, fake = check_features(real_features, fake_features)
    shift = real.mean(axis=0) - fake.mean(axis=0)
    with one_thread():
        a, b = _root(real), _root(fake)  # S1 = A^T A, S2 = B^T B
        # tr (S1 S2)^(1/2) = sum of the singular values of A B^T
        shared = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    # tr S1 = sum of the squares of A. Rounding may lead below 0.
    return max(0.0, float(shift @ shift + (a * a).sum() + (b * b).sum() - 2 * shared))


def frechet_distance_from_statistics(
    real_mean: ArrayLike, real_covariance: ArrayLike, fake_mean: ArrayLike, fake_covariance: ArrayLike
) -> float:
    """Computes the Fréchet distance from means and covariances, for sets whose features are too large to keep.

    Args:
        real_mean: mean (d,) of the real features.
        real_covariance: covariance (d, d) of the real features, with n - 1 in the denominator.
        fake_mean: mean (d,) of the generated features.
        fake_covariance: covariance (d, d) of the generated features.
    Returns:
        The squared distance, 0 or more.
    Raises:
        InputError: other shapes, numbers that are not finite, or a covariance that is not symmetric.
    """
    mean_1, covariance_1 = _statistics(real_mean, real_covariance, "real")
    mean_2, covariance_2 = _statistics(fake_mean, fake_covariance, "generated")
    if mean_1.shape != mean_2.shape:
        raise InputError(
            f"the statistics are of {len(mean_1)} real and {len(mean_2)} generated features: not the same."
        )
    with one_thread():
        # tr (S1 S2)^(1/2) = sum of the roots of the eigenvalues of S1 S2
        shared = np.sqrt(np.clip(_product_eigenvalues(covariance_1, covariance_2), 0, None)).sum()
    # |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2)
    shift = mean_1 - mean_2
    return max(0.0, float(shift @ shift + np.trace(covariance_1) + np.trace(covariance_2) - 2 * shared))


def fd_infinity(
    real: ArrayLike,
    fake: ArrayLike,
    *,
    points: int = 15,
    least: int | None = None,
    real_too: bool = False,
    seed: int = 0,
) -> float:
    """Extrapolates the Fréchet distance to infinitely many images. (Chong & Forsyth 2020)

    The bias falls as 1/n. A line through the distances of random subsets of n images, over 1/n, has the unbiased
    distance as its intercept. The bias depends on the generator, so that of two models the better one can have the
    higher distance at equal counts. Without `real_too` only generated images are left out, as published, and what the
    number of real images adds stays. Two sets of 500 images of one Gaussian with 64 features: the distance is 4.5,
    extrapolated 2.1, and 0.0 with `real_too`. It takes up to `points` times as long as the distance.

    Args:
        real: features (n, d).
        fake: features (m, d).
        points: number of subset sizes, evenly spaced from `least` to all images.
        least: images in the smallest subset; by default a tenth, as published, and where that is fewer 2 d or half of
            all: with fewer images than features the line bends.
        real_too: True draws subsets of n real images as well, and so takes the bias of both out.
        seed: seed of the subsets.
    Returns:
        The squared distance. It is an estimate around the true value, and can be below 0.
    Raises:
        InputError: see `check_features`; or fewer than 2 different subset sizes.
    """
    real, fake = check_features(real, fake)
    most = min(len(real), len(fake)) if real_too else len(fake)
    least = max(2, most // 10, min(2 * fake.shape[1], most // 2)) if least is None else least
    counts = _counts(least, most, points)  # (points,), or fewer where some are equal
    rng = np.random.default_rng(seed)
    distances = []  # FD of each count, one random subset each
    for n in counts:
        some = fake[rng.choice(len(fake), n, replace=False)]
        among = real[rng.choice(len(real), n, replace=False)] if real_too else real
        distances.append(frechet_distance(among, some))
    # FD(n) = slope / n + FD(infinity)
    return float(np.polyfit(1 / counts, distances, 1)[1])


def measure_fd(sets: Sets, seed: int, intervals: bool) -> dict[str, Measured]:
    """Measures the Fréchet distance, with a jackknife interval."""
    return measure_with_jackknife(
        lambda real, fake: [frechet_distance(real, fake)],
        sets,
        {"fd": AT_LEAST_0},
        method="covariances with n - 1",
        seed=seed,
        intervals=intervals,
    )


SPEC = MetricSpec(
    names={"fd": "FD"},
    measure=measure_fd,
    summary="Fréchet distance between real and generated features; lower is better, and fewer images raise it.",
    core=True,
)


def one_thread() -> AbstractContextManager[object]:
    """Limits numpy's linear algebra to one thread: on a busy machine many threads wait for each other, and lose.

    Measured on two cores of which another program used one: Cholesky and eigenvalues of 1280 x 1280 took 0.14 s with
    one thread and 3.1 s with two.
    """
    return threadpool_limits(limits=1, user_api="blas")


def _root(features: Floats) -> Floats:
    """Returns A with A^T A the covariance: the centred features over sqrt(n - 1), with no more rows than columns."""
    centred = (features - features.mean(axis=0)) / math.sqrt(len(features) - 1)
    # With A = Q R also R^T R = A^T A, and R is only (d, d).
    return np.asarray(np.linalg.qr(centred, mode="r")) if centred.shape[0] > centred.shape[1] else centred


def _product_eigenvalues(one: Floats, other: Floats) -> Floats:
    """Returns the eigenvalues of S1 S2, which are those of the symmetric L^T S2 L with L L^T = S1."""
    settings = {"driver": "gv", "eigvals_only": True, "check_finite": False}
    try:  # L by Cholesky, in half the operations of the products written out; transposed is LAPACK's own order
        return np.asarray(scipy.linalg.eigh(other.T, one.T, type=2, **settings))
    except np.linalg.LinAlgError:  # S1 is singular: L = V sqrt(values) by its eigenvectors
        values, vectors = np.linalg.eigh(one)
        root = vectors * np.sqrt(np.clip(values, 0, None))  # rounding makes some of its zeros negative
        return np.linalg.eigvalsh(root.T @ other @ root)


def _statistics(mean: ArrayLike, covariance: ArrayLike, which: str) -> tuple[Floats, Floats]:
    mean, covariance = np.asarray(mean, np.float64), np.asarray(covariance, np.float64)
    if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)):
        raise InputError(
            f"{which} statistics have the shapes {mean.shape} and {covariance.shape}, expected (d,) and (d, d)."
        )
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise InputError(f"{which} statistics are not finite. Check the features that they were made from.")
    # The exact comparison first: it is much cheaper for large matrices.
    if not (np.array_equal(covariance, covariance.T) or np.allclose(covariance, covariance.T)):
        raise InputError(f"the covariance of the {which} features is not symmetric. Give np.cov(features.T).")
    return mean, covariance


def _counts(least: int, most: int, points: int) -> np.ndarray:
    """Returns the different subset sizes of `fd_infinity`."""
    if points < 2:
        raise InputError(f"points={points}: a line needs 2 or more.")
    if not 2 <= least < most:
        raise InputError(
            f"subsets from {least} to {most} images: use a least of 2 or more, below the number of images."
        )
    return np.unique(np.linspace(least, most, points).astype(int))  # few images give the same count twice
