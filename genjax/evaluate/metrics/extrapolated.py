"""The Fréchet distance that infinitely many images would have: its bias falls as 1/n, and a line leads to 1/n = 0."""

import numpy as np
from numpy.typing import ArrayLike

from genjax.errors import InputError
from genjax.evaluate.metrics.check import check_features
from genjax.evaluate.metrics.distances import frechet_distance


def fd_infinity(
    real: ArrayLike,
    fake: ArrayLike,
    *,
    points: int = 15,
    least: int | None = None,
    real_too: bool = False,
    seed: int = 0,
) -> float:
    """The intercept of a line through Fréchet distances over 1/n, of random subsets of n images. (Chong & Forsyth 2020)

    The bias depends on the generator, so that of two models the better one can have the higher distance at equal
    counts. Without `real_too` only generated images are left out, as published, and what the number of real images adds
    stays. Two sets of 500 images of one Gaussian with 64 features: the distance is 4.5, extrapolated 2.1, and 0.0 with
    `real_too`. It takes up to `points` times as long as the distance.

    Args:
        real: features (n, d).
        fake: features (m, d).
        points: counts, evenly spaced from `least` to all.
        least: images in the smallest subset; by default a tenth, as published, and where that is fewer 2 d or half of
            all: with fewer images than features the line bends.
        real_too: draws subsets of n real images as well, and so takes the bias of both out.
        seed: of the subsets.
    Returns:
        The squared distance. It is an estimate around the true value, and can be below 0.
    Raises:
        InputError: see `check_features`; or fewer than 2 different counts.
    """
    real, fake = check_features(real, fake)
    most = min(len(real), len(fake)) if real_too else len(fake)
    least = max(2, most // 10, min(2 * fake.shape[1], most // 2)) if least is None else least
    counts = _counts(least, most, points)
    rng = np.random.default_rng(seed)
    distances = []
    for n in counts:
        some = fake[rng.choice(len(fake), n, replace=False)]
        among = real[rng.choice(len(real), n, replace=False)] if real_too else real
        distances.append(frechet_distance(among, some))
    return float(np.polyfit(1 / counts, distances, 1)[1])


def _counts(least: int, most: int, points: int) -> np.ndarray:
    if points < 2:
        raise InputError(f"points={points}: a line needs 2 or more.")
    if not 2 <= least < most:
        raise InputError(
            f"subsets from {least} to {most} images: use a least of 2 or more, below the number of images."
        )
    return np.unique(np.linspace(least, most, points).astype(int))
