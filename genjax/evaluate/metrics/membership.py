"""Membership: how well an outsider who sees samples tells the images that were trained on from those held out.

The score of an image is how much nearer the samples came to it than those of the source are: the nearest of as many
samples of both, so that what is easy to draw is not taken for what was trained on. (Chen et al. 2020, GAN-Leaks,
section 5; calibrated as in Watson et al. 2022) A copy rate asks what samples repeat, and may be 0 where this is not: a
model can give away what it was trained on without repeating it.
"""

import numpy as np
from numpy.typing import ArrayLike

from genjax.errors import InputError
from genjax.evaluate.metrics.check import Floats, check_one
from genjax.evaluate.metrics.intervals import NORMAL_95, Interval
from genjax.evaluate.metrics.memorisation import nearest
from genjax.evaluate.metrics.metric import Measured, MetricSpec, Sets, required

FEWEST = 2  # images of both kinds, without which nothing is known of how they vary


def membership_scores(images: ArrayLike, samples: ArrayLike, source_samples: ArrayLike | None = None) -> Floats:
    """Computes how much an image looks as if it had been trained on, the higher the more.

    Args:
        images: features (n, d).
        samples: features (m, d) of generated images.
        source_samples: features (m, d) of as many of the source's; None without a source.
    Returns:
        (n,).
    Raises:
        InputError: another shape, unequal widths, or a number that is not finite.
    """
    # s(x) = d_source(x) - d_adapted(x), each the distance to the nearest of m samples
    to_source = 0.0 if source_samples is None else nearest(images, source_samples)[1][:, 0]
    return to_source - nearest(images, samples)[1][:, 0]


def area_under_curve(members: ArrayLike, others: ArrayLike) -> tuple[float, Interval]:
    """Computes the probability that a member scores above another image, ties half, by Mann-Whitney.

    The interval is DeLong's, on the scale of log(A / (1 - A)), so that it stays between 0 and 1.
    (DeLong et al. 1988, eq. 5; Pepe 2003, section 5.2)

    Args:
        members: scores (m,), m >= 2.
        others: scores (n,), n >= 2.
    Returns:
        A, from 0 to 1, and its interval; none where all of one kind score higher.
    Raises:
        InputError: fewer than 2 scores of a kind.
    """
    inside, outside = _scores(members, "members"), _scores(others, "others")
    above, below = _above(inside, outside), 1 - _above(outside, inside)
    area = float(above.mean())
    if not 0 < area < 1:
        return area, Interval(None, "none: all of one kind score higher")
    # var A = var_i P(other < x_i) / m + var_j P(member > y_j) / n
    variance = above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below)
    if variance == 0:
        return area, Interval(None, "none: all scores are alike")
    half = NORMAL_95 * np.sqrt(variance) / (area * (1 - area))  # d logit(A) = dA / (A (1 - A))
    low, high = (1 / (1 + (1 - area) / area * np.exp(sign * half)) for sign in (1, -1))
    return area, Interval((float(low), float(high)), "DeLong, logit")


def true_positive_rate(members: ArrayLike, others: ArrayLike, *, below: float) -> float:
    """Computes the largest share of members that a threshold finds, with fewer false positives than a share of others.

    Args:
        members: scores (m,).
        others: scores (n,).
        below: rate that the false positives stay below, above 0; from n images 1 / n is the lowest, none of them.
    Returns:
        From 0 to 1.
    Raises:
        InputError: fewer than 2 scores of a kind, or a rate that is not above 0 and at most 1.
    """
    inside, outside = _scores(members, "members"), _scores(others, "others")
    if not 0 < below <= 1:
        raise InputError(f"below={below} is no rate of false positives. Use a number above 0, at most 1.")
    allowed = int(np.ceil(below * len(outside) - 1e-9)) - 1  # the most of n that are fewer than below n
    # TPR = P(x > t), with t the highest other score that must not pass
    return float((inside > np.sort(outside)[::-1][allowed]).mean())


def measure_membership(sets: Sets, seed: int, intervals: bool) -> dict[str, Measured]:
    """Measures how well training images are told from held-out ones; held-out ones that are both are left out."""
    train = required(sets.train, "training")
    new = nearest(sets.real, train)[1][:, 0] > 0
    held_out = sets.real[new] if new.sum() >= FEWEST else sets.real
    members, others = (membership_scores(images, sets.fake, sets.source) for images in (train, held_out))
    area, interval = area_under_curve(members, others)
    how = "nearest sample" + (", less that of the source" if sets.source is not None else ", no source to compare with")
    both = len(sets.real) - int(new.sum())
    said = f"{both} of {len(sets.real)} held-out images are training images as well"
    caveats = (f"{said} and {'are left out' if len(held_out) < len(sets.real) else 'hide them'}",) if both else ()
    found = true_positive_rate(members, others, below=1 / len(others))
    return {
        "membership": Measured(area, interval if intervals else Interval(None, "none: not asked for"), how, caveats),
        "membership_tpr": Measured(found, Interval(None, "none: see membership"), f"{how}; no false positive", caveats),
    }


def in_words(area: float) -> str:
    """Says what an area under the curve is."""
    return (
        f"an outsider who sees samples tells an image that was trained on from one that was not in {10 * area:.3g} of"
        " 10 cases (5 are guessing)"
    )


SPEC = MetricSpec(
    names={"membership": "membership", "membership_tpr": "membership_tpr"},
    measure=measure_membership,
    summary="How often an outsider who sees samples tells a training image from a held-out one, .5 is guessing; and the"
    " share of training images found without one false positive.",
    needs=("train",),
    wants=("source",),
    least_other=FEWEST,
)


def _above(scores: Floats, others: Floats) -> Floats:
    """Returns the share of the others below each score, ties half: (n,)."""
    ordered = np.sort(others)
    return (np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right")) / (2 * len(others))


def _scores(scores: ArrayLike, which: str) -> Floats:
    return check_one(np.asarray(scores, np.float64)[:, None], which, FEWEST)[:, 0]
