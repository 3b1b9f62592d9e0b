"""Memorisation: copy rate, authenticity and the test for data-copying, by distances to the training images.

Each metric compares with real images that were held out, since new images of the same kind are near as well.
"""

import numpy as np
from numpy.typing import ArrayLike

from genjax.errors import InputError
from genjax.evaluate.metrics.check import Floats, check_one
from genjax.evaluate.metrics.diversity import pair_distances
from genjax.evaluate.metrics.metric import NO_INTERVAL, Measured, MetricSpec, Sets, required
from genjax.evaluate.metrics.neighbours import squared_distances

SMALLEST_CELL = 5  # held-out and generated images, each, below which a cell says nothing
NEAR = 0.05  # share of the held-out images that count as near a training image


def nearest(features: ArrayLike, others: ArrayLike, k: int = 1) -> tuple[np.ndarray, Floats]:
    """Finds the k others nearest to each row.

    Args:
        features: rows (n, d).
        others: rows (m, d), m >= k, among which is searched.
        k: number of others for each row.
    Returns:
        Indices (n, k) and distances (n, k), the nearest first.
    Raises:
        InputError: see `check_one`; unequal widths, or fewer than k others.
    """
    found, reference = _alike(features, others)
    if not 1 <= k <= len(reference):
        raise InputError(f"k={k} nearest images of {len(reference)} were asked for. Ask for 1 to {len(reference)}.")
    return _nearest(found, reference, k)


def copy_rate(
    fake_features: ArrayLike, shot_features: ArrayLike, held_out_features: ArrayLike, *, quantile: float = NEAR
) -> float:
    """Computes the share of generated images that lie nearer to a training image than nearly all held-out ones do.

    Held-out images that are training images say nothing of new ones: they are left out, see `near_training`.

    Args:
        fake_features: features (n, d) of generated images.
        shot_features: features (s, d) of training images.
        held_out_features: features (m, d) of real images that were not trained on.
        quantile: share of the held-out images that count as near.
    Returns:
        From 0 to 1; about `quantile` for new images of the same kind.
    Raises:
        InputError: see `check_one`; unequal widths, fewer than 2 held-out images, or a quantile outside (0, 1).
    """
    if not 0 < quantile < 1:
        raise InputError(f"quantile={quantile} is not between 0 and 1.")
    fake, shots = _alike(fake_features, shot_features)
    held_out = _alike(held_out_features, shots, which="held-out", fewest=2)[0]
    # d(held out, nearest train) (m,), and d(fake, nearest train) (n,)
    usual, found = (_nearest(part, shots)[1][:, 0] for part in (held_out, fake))
    return float(near_training(found, usual, quantile=quantile).mean())


def near_training(distances: Floats, usual: Floats, *, quantile: float = NEAR) -> np.ndarray:
    """Marks the images that are training images, or lie nearer to one than nearly all new images do.

    Args:
        distances: distances (n,) of generated images to the nearest training image.
        usual: the same (m,) of held-out images; those at distance 0 are training images, and are left out.
        quantile: share of the others that count as near.
    Returns:
        bool (n,).
    """
    new = usual[usual > 0]
    # d(fake, train) = 0, or < the quantile of d(held out, train) over held-out images that are none of train
    return (distances == 0) | (distances < (np.quantile(new, quantile) if len(new) else 0))


def auth_pct(train_features: ArrayLike, fake_features: ArrayLike) -> float:
    """Computes authenticity, the share of generated images that are not a training image with noise. (Alaa et al. 2022)

    One is authentic if its nearest training image is farther away than that training image's own nearest other one.
    Equal training images count as one; where all are equal, only an equal image is a copy.

    Args:
        train_features: features (n, d) of training images, n >= 2.
        fake_features: features (m, d) of generated images.
    Returns:
        From 0, all copies, to 1.
    Raises:
        InputError: see `check_one`; unequal widths.
    """
    fake, train = _alike(fake_features, train_features, least=2)
    train = np.unique(train, axis=0)
    own = _nearest_other(train)  # (n,), how far a training image is from its own kind
    indices, distances = _nearest(fake, train)  # (m, 1) each
    # authentic: d(fake, nearest train) > d(that train, nearest other train)
    return float((distances[:, 0] > own[indices[:, 0]]).mean())


def c_t(
    train_features: ArrayLike, test_features: ArrayLike, fake_features: ArrayLike, *, cells: int = 1, seed: int = 0
) -> float:
    """Computes the three-sample test for data-copying, a z-score of distances to the training set. (Meehan et al. 2020)

    Args:
        train_features: features (n, d) of training images.
        test_features: features (m, d) of real images that were held out.
        fake_features: features (l, d) of generated images.
        cells: regions of the feature space, by k-means over the training images, whose z-scores are averaged by how
            many held-out images they hold; copying in one region cannot hide behind the others.
        seed: seed of k-means.
    Returns:
        Well below 0 (about -5): the generated images are nearer to the training images than held-out ones are, that
        is, copies. Well above 0: farther, that is, underfitting.
    Raises:
        InputError: see `check_one`; unequal widths, or no cell with enough images.
    """
    fake, train = _alike(fake_features, train_features)
    test, _ = _alike(test_features, train, which="held-out")
    # k-means cannot make more cells than there are different points.
    different = len(train) if cells == 1 else len(np.unique(train, axis=0))
    if not 1 <= cells <= different:
        raise InputError(
            f"{cells} cells of {different} different training images were asked for. Use 1 to {different}."
        )
    of_train, of_test, of_fake = _cells(cells, seed, train, test, fake)
    scores, weights = [], []
    for cell in range(cells):
        own = train[of_train == cell]  # distances are to the training images of the same cell
        mine = [part[of == cell] for part, of in ((test, of_test), (fake, of_fake))]
        if len(own) and min(map(len, mine)) >= SMALLEST_CELL:
            # z of [distances of fakes] against [distances of held-out images]
            scores.append(_rank_z(*(_nearest(part, own)[1][:, 0] for part in mine)))
            weights.append(len(mine[0]))
    if not scores:
        raise InputError(
            f"none of {cells} cells holds {SMALLEST_CELL} held-out and {SMALLEST_CELL} generated images."
            " Use more images or fewer cells."
        )
    # C_T = sum over cells of P(cell) z(cell), with P by held-out images
    return float(np.average(scores, weights=weights))


def measure_copy_rate(sets: Sets, seed: int, intervals: bool) -> dict[str, Measured]:
    """Measures the share of generated images nearer to a training image than nearly all held-out ones."""
    train = required(sets.train, "training")
    value = copy_rate(sets.fake, train, sets.real)
    caveats = _not_held_out(sets.real, train, "are left out")
    return {"copy_rate": Measured(value, NO_INTERVAL, f"{100 * NEAR:g} % quantile of held-out images", caveats)}


def measure_authenticity(sets: Sets, seed: int, intervals: bool) -> dict[str, Measured]:
    """Measures the share of generated images that are no training image with noise."""
    value = auth_pct(required(sets.train, "training"), sets.fake)
    return {"auth_pct": Measured(value, NO_INTERVAL, "nearest training image")}


def measure_data_copying(sets: Sets, seed: int, intervals: bool) -> dict[str, Measured]:
    """Measures the z-score of the test for data-copying, over the whole feature space."""
    train = required(sets.train, "training")
    value = c_t(train, sets.real, sets.fake, seed=seed)
    return {"c_t": Measured(value, NO_INTERVAL, "one cell", _not_held_out(sets.real, train, "hide copies"))}


def _not_held_out(held_out: Floats, train: Floats, and_so: str) -> tuple[str, ...]:
    """Says how many held-out images are training images; () if none is."""
    count = int((nearest(held_out, train)[1] == 0).sum())
    return (f"{count} of {len(held_out)} held-out images are training images as well and {and_so}",) if count else ()


COPY_RATE_SPEC = MetricSpec(
    names={"copy_rate": "copy_rate"},
    measure=measure_copy_rate,
    summary="Share of generated images nearer to a training image than 95 % of held-out ones; about 0.05 for new ones.",
    needs=("train",),
)
AUTHENTICITY_SPEC = MetricSpec(
    names={"auth_pct": "auth_pct"},
    measure=measure_authenticity,
    summary="Authenticity, the share of generated images that are no training image with noise; higher is newer.",
    needs=("train",),
    least_other=2,
)
DATA_COPYING_SPEC = MetricSpec(
    names={"c_t": "c_t"},
    measure=measure_data_copying,
    summary="Test for data-copying, a z-score; well below 0 means copies, well above 0 means underfitting.",
    least=SMALLEST_CELL,
    needs=("train",),
)


def _alike(
    features: ArrayLike, others: ArrayLike, *, which: str = "generated", fewest: int = 1, least: int = 1
) -> tuple[Floats, Floats]:
    """Returns both sets as float64, or raises InputError unless they have enough images and equal widths."""
    matrix, reference = check_one(features, which, fewest), check_one(others, "training", least)
    if matrix.shape[1] != reference.shape[1]:
        raise InputError(
            f"{which} images have {matrix.shape[1]} features each and training images {reference.shape[1]}."
            " Extract both with the same extractor."
        )
    return matrix, reference


def _nearest(features: Floats, others: Floats, k: int = 1) -> tuple[np.ndarray, Floats]:
    """Returns indices and distances (n, k) of the k nearest others, the nearest first."""
    indices = np.empty((len(features), k), np.int64)
    centre = others.mean(axis=0)  # distances stay; near the origin they lose fewer digits
    for rows, squared in squared_distances(features - centre, others - centre):
        # Stable, so that of equal distances the first image is taken on every machine.
        ordered = squared.argmin(axis=1)[:, None] if k == 1 else np.argsort(squared, axis=1, kind="stable")
        indices[rows] = ordered[:, :k]
    # Anew from the differences: copies must tie at 0, whatever the last digit of a product.
    distances = pair_distances(features, others, np.repeat(np.arange(len(features)), k), indices.ravel())
    distances = distances.reshape(indices.shape)
    order = np.argsort(distances, axis=1, kind="stable")
    return np.take_along_axis(indices, order, axis=1), np.take_along_axis(distances, order, axis=1)


def _nearest_other(features: Floats) -> Floats:
    """Returns the distance (n,) of each row to the nearest other row, 0 for a single one."""
    if len(features) == 1:
        return np.zeros(1)
    indices = np.empty(len(features), np.int64)
    centred = features - features.mean(axis=0)
    for rows, squared in squared_distances(centred, centred):
        squared[np.arange(len(squared)), np.arange(rows.start, rows.stop)] = np.inf  # not itself
        indices[rows] = squared.argmin(axis=1)
    return pair_distances(features, features, np.arange(len(features)), indices)


def _cells(cells: int, seed: int, train: Floats, *others: Floats) -> list[np.ndarray]:
    """Returns the number of the cell that each row lies in, for each set."""
    if cells == 1:
        return [np.zeros(len(part), np.int64) for part in (train, *others)]
    from sklearn.cluster import KMeans

    means = KMeans(n_clusters=cells, random_state=seed).fit(train)
    return [np.asarray(means.predict(part)) for part in (train, *others)]


def _rank_z(test: Floats, fake: Floats) -> float:
    """Returns z of the Mann-Whitney statistic: below 0 if the generated images are nearer."""
    from scipy.stats import rankdata  # half a second that the other metrics do not need

    n, m = len(test), len(fake)
    ranks = rankdata(np.concatenate([test, fake]))  # equal distances share their mean rank
    _, ties = np.unique(ranks, return_counts=True)
    u = ranks[n:].sum() - m * (m + 1) / 2  # pairs in which the fake is the farther one
    total = n + m
    # z = (U - n m / 2) / sd, where ties make the variance n m (n + m + 1) / 12 smaller
    variance = n * m / 12 * (total + 1 - (ties**3 - ties).sum() / (total * (total - 1)))
    return 0.0 if variance == 0 else float((u - n * m / 2) / np.sqrt(variance))
