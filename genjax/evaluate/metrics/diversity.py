"""Diversity of generated images: the Vendi score, diversity around each shot, and retention of the source's order."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist
from scipy.special import logsumexp

from genjax.errors import InputError
from genjax.evaluate.metrics.check import Floats, check_features, check_one
from genjax.evaluate.metrics.metric import NO_INTERVAL, Measured, MetricSpec, Sets, required
from genjax.evaluate.metrics.neighbours import BLOCK, squared_distances

INDEFINITE = -1e-6  # a smaller eigenvalue than this is not rounding, of kernels in float32 either
INTRA_MOST = 50  # images of a cluster (Ojha et al. 2021)


def vendi_score(features: ArrayLike, *, q: float = 1.0) -> float:
    """Computes the effective number of different images: exp of the entropy of the similarity's eigenvalues.

    The similarity is the cosine of two images' features. (Friedman & Dieng 2023, eq. 1 and 3; other orders:
    Pasarkar & Dieng 2023)

    Args:
        features: array (n, d), n >= 1.
        q: order of the entropy, 0 or more, infinity included; higher orders look at the common kinds more.
    Returns:
        From 1, where all images are alike, to n, where all are orthogonal. Without a bound on n it is not comparable
        between unlike numbers of images.
    Raises:
        InputError: see `check_one`; or an image whose features are all 0.
    """
    matrix = check_one(features, "generated", 1)
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not lengths.all():
        raise InputError(
            f"the features of {int((lengths == 0).sum())} of {len(matrix)} images are all 0, so that they have no"
            " direction. Check the images and the extractor."
        )
    rows = matrix / lengths  # (n, d), of length 1: their products are cosines
    # K = X X^T and X^T X have the same eigenvalues but for zeros, so that the smaller one is decomposed.
    small = rows @ rows.T if len(rows) < rows.shape[1] else rows.T @ rows
    # VS = exp(H_q(eigenvalues of K / n)), which sum to 1
    return _effective_number(np.linalg.eigvalsh(small / len(rows)), q)


def vendi_score_of_kernel(kernel: ArrayLike, *, q: float = 1.0) -> float:
    """Computes the Vendi score from similarities of one's own, such as those of a perceptual network.

    Args:
        kernel: similarities (n, n), symmetric, positive semidefinite, 1 on the diagonal.
        q: order of the entropy, as for `vendi_score`.
    Raises:
        InputError: another matrix.
    """
    matrix = check_one(kernel, "kernel", 1)
    if matrix.shape[0] != matrix.shape[1] or not np.allclose(matrix, matrix.T) or not np.allclose(np.diag(matrix), 1):
        raise InputError(
            f"a kernel of shape {matrix.shape} was given, expected similarities (n, n) that are symmetric, with 1 on"
            " the diagonal."
        )
    eigenvalues = np.linalg.eigvalsh(matrix / len(matrix))
    if eigenvalues.min() < INDEFINITE:
        raise InputError(
            f"the kernel has a negative eigenvalue, {eigenvalues.min() * len(matrix):.3g}, expected none: no images are"
            " alike in such a way. Use a positive semidefinite kernel, such as cosine similarity."
        )
    return _effective_number(eigenvalues, q)


def intra_diversity(
    fake_features: ArrayLike,
    shot_features: ArrayLike,
    *,
    held_out: ArrayLike | None = None,
    most: int = INTRA_MOST,
    seed: int = 0,
) -> float:
    """Computes the mean distance of generated images around the same shot; 0 if they all repeat it. (Ojha et al. 2021)

    Each image belongs to its nearest shot; the mean distance between two images of a shot is averaged over the shots
    that have two or more. (section 4.1)

    Args:
        fake_features: features (n, d) of generated images.
        shot_features: features (s, d) of the images that the generator was adapted to.
        held_out: features (m, d) of real images; the result is then divided by their own mean distance, so that 1 is
            as varied as real images are.
        most: most images of a shot that are compared.
        seed: seed of the choice where there are more.
    Returns:
        A distance between features, or a ratio of two with `held_out`; 0 where no shot has two images.
    Raises:
        InputError: see `check_one`; unequal widths; held-out images without any spread.
    """
    fake, shots = check_one(fake_features, "generated", 2), check_one(shot_features, "training", 1)
    if held_out is None:
        return _spread_around(fake, shots, most, seed)
    real = check_one(held_out, "real", 2)
    usual = _spread_around(real, shots, most, seed)  # around the shots, as for the fakes
    if usual == 0:
        raise InputError("no two of the real images belong to the same shot and differ. Use more real images.")
    return _spread_around(fake, shots, most, seed) / usual  # 1 for images as varied as real ones


def retention(source_features: ArrayLike, adapted_features: ArrayLike, *, pairs: int = 100_000, seed: int = 0) -> float:
    """Computes Spearman's correlation of distances between images of the same latents, before and after adaptation.

    It is high if latents whose images were far apart in the source are far apart still. In the spirit of the
    correspondence of Ojha et al. 2021, section 3.1, measured instead of trained.

    Args:
        source_features: features (n, d) of the source's images.
        adapted_features: features (n, d) of the adaptation's images of the same latents in the same order.
        pairs: most pairs that are compared.
        seed: seed of the choice where there are more.
    Returns:
        From -1 to 1; 1 where the order of all distances is the source's. 0 where the adaptation makes one image only.
    Raises:
        InputError: see `check_features`; unequal numbers of images, or fewer than 3.
    """
    source, adapted = check_features(source_features, adapted_features, least=3)
    if len(source) != len(adapted):
        raise InputError(
            f"there are {len(source)} images of the source and {len(adapted)} of the adaptation, expected one of each"
            " for every latent vector."
        )
    first, second = _pairs(len(source), pairs, seed)  # one choice of pairs for both models
    before, after = (pair_distances(part, part, first, second) for part in (source, adapted))
    if np.ptp(after) == 0 or np.ptp(before) == 0:
        return 0.0  # one image only: ranks without any order have no correlation
    from scipy.stats import rankdata  # half a second that the other metrics do not need

    # Spearman's rho = correlation of the ranks
    return float(np.corrcoef(rankdata(before), rankdata(after))[0, 1])


def pair_distances(features: Floats, others: Floats, first: np.ndarray, second: np.ndarray) -> Floats:
    """Computes Euclidean distances of single pairs from their differences, exactly 0 between equal rows.

    Args:
        features: rows (n, d).
        others: rows (m, d).
        first: indices (p,) into `features`.
        second: indices (p,) into `others`.
    Returns:
        Distances (p,).
    """
    found, step = np.empty(len(first)), max(1, BLOCK // features.shape[1])
    for start in range(0, len(first), step):
        some = slice(start, start + step)
        found[some] = np.linalg.norm(features[first[some]] - others[second[some]], axis=1)
    return found


def measure_vendi(sets: Sets, seed: int, intervals: bool) -> dict[str, Measured]:
    """Measures the Vendi score of the generated images alone."""
    return {"vendi": Measured(vendi_score(sets.fake), NO_INTERVAL, "order 1, cosine similarity")}


def measure_intra_diversity(sets: Sets, seed: int, intervals: bool) -> dict[str, Measured]:
    """Measures diversity around each shot, as a ratio to that of held-out images around it."""
    shots = required(sets.train, "training")
    value = intra_diversity(sets.fake, shots, held_out=sets.real, most=INTRA_MOST, seed=seed)
    return {"intra_diversity": Measured(value, NO_INTERVAL, f"of held-out images, at most {INTRA_MOST} a cluster")}


def measure_retention(sets: Sets, seed: int, intervals: bool) -> dict[str, Measured]:
    """Measures how much of the source's order of distances is left, on the same latents."""
    value = retention(required(sets.source, "source"), sets.fake, seed=seed)
    return {"retention": Measured(value, NO_INTERVAL, "same latents")}


VENDI_SPEC = MetricSpec(
    names={"vendi": "vendi"},
    measure=measure_vendi,
    summary="Vendi score, the effective number of different generated images; higher is more varied.",
    core=True,
)
INTRA_DIVERSITY_SPEC = MetricSpec(
    names={"intra_diversity": "intra_diversity"},
    measure=measure_intra_diversity,
    summary="How much generated images around the same shot differ; 0 if they repeat it, 1 if as much as real images.",
    needs=("train",),
)
RETENTION_SPEC = MetricSpec(
    names={"retention": "retention"},
    measure=measure_retention,
    summary="How much of the source's order of distances between latents is left after adaptation; at most 1.",
    least=3,
    needs=("source",),
)


def _effective_number(eigenvalues: Floats, q: float) -> float:
    """Returns exp of the entropy of order q of the eigenvalues, scaled to sum to 1. (Pasarkar & Dieng 2023)"""
    if not q >= 0:
        raise InputError(f"q={q} is no order of an entropy. Use 0 or more.")
    parts = eigenvalues[eigenvalues > 1e-12]  # 0 log 0 = 0; below that is rounding
    parts = parts / parts.sum()
    if q == 1:
        return float(np.exp(-(parts * np.log(parts)).sum()))  # exp(-sum p log p)
    if math.isinf(q):
        return float(1 / parts.max())  # the limit of large q
    # (sum p^q)^(1 / (1 - q)), in logarithms: a high power of small parts is 0 in floating point.
    return float(np.exp(logsumexp(q * np.log(parts)) / (1 - q)))


def _spread_around(features: Floats, shots: Floats, most: int, seed: int) -> float:
    """Returns the mean distance between two images of a shot, averaged over shots."""
    if features.shape[1] != shots.shape[1]:
        raise InputError(
            f"images have {features.shape[1]} features each and shots {shots.shape[1]}."
            " Extract both with the same extractor."
        )
    if most < 2:
        raise InputError(f"most={most} images have no distance between them. Use 2 or more.")
    owner = np.empty(len(features), np.int64)  # (n,), the nearest shot of each image
    for rows, squared in squared_distances(features, shots):
        owner[rows] = squared.argmin(axis=1)
    rng, found = np.random.default_rng(seed), []
    for shot in range(len(shots)):
        own = features[owner == shot]
        if len(own) > most:
            own = own[rng.choice(len(own), most, replace=False)]
        if len(own) > 1:
            found.append(pdist(own).mean())  # over all pairs of this shot
    return float(np.mean(found)) if found else 0.0


def _pairs(n: int, most: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns pairs of different indices, none twice: all, or `most` of them."""
    if most < 2:
        raise InputError(f"pairs={most} give no order. Use 2 or more.")
    total = n * (n - 1) // 2
    if total <= most:
        return np.triu_indices(n, 1)
    places = np.sort(np.random.default_rng(seed).choice(total, most, replace=False))
    # Place p of the pairs (i, j), j > i, row by row: row i begins at i * (2n - i - 1) / 2.
    begins = np.arange(n) * (2 * n - np.arange(n) - 1) // 2
    first = np.searchsorted(begins, places, side="right") - 1
    return first, places - begins[first] + first + 1
