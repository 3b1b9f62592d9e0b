"""Metrics of a model of classes: whether its images are what was asked for, and what of each class is drawn.

A classifier that real images alone have taught reads the class of a generated image: ridge regression from features to
classes, its penalty chosen by leaving one out. (Hoerl & Kennard 1970; Ravuri & Vinyals 2019 train the other way about)
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist

from genjax.errors import InputError
from genjax.evaluate.metrics.check import Floats, check_one
from genjax.evaluate.metrics.neighbours import COVERAGE_K, density_coverage

SUMMARIES = {
    "class_accuracy": "Share of generated images that a classifier taught by real ones reads as what was asked for.",
    "class_coverage": "Share of real images with a generated one of the same class near them, a mean over classes.",
    "class_diversity": "Mean distance of two generated images of a class by that of real ones, a mean over classes.",
}
TAUGHT = "class_accuracy"  # the one that needs images which teach a classifier
LEAST = COVERAGE_K + 1  # images of a class, real and generated
PENALTIES = np.logspace(-2, 5, 8)  # that are tried

Reader = Callable[[Floats], np.ndarray]  # features (n, d) -> names of classes (n,)


def by_class_help() -> str:
    """Returns a line for each metric, for the help of --metrics and for documentation."""
    return "\n".join(f"{name}: {summary} Of a model of classes." for name, summary in SUMMARIES.items())


def taught_reader(features: ArrayLike, classes: Sequence[str]) -> Reader:
    """Teaches a classifier of features.

    Args:
        features: of real images (n, d), not those that are judged by.
        classes: their classes.
    Raises:
        InputError: see `check_one`; fewer than two classes.
    """
    from sklearn.linear_model import RidgeClassifierCV  # half a second that other metrics do not need

    rows = check_one(features, "training", 2)
    if len(set(classes)) < 2:
        raise InputError(f"images of the class {classes[0]!r} alone teach no classifier. Use 2 or more classes.")
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(deviation > 0, deviation, 1.0)
    taught = RidgeClassifierCV(alphas=PENALTIES).fit((rows - mean) / scale, np.asarray(classes))
    return lambda features: np.asarray(taught.predict((features - mean) / scale))


def class_coverage(real_features: ArrayLike, fake_features: ArrayLike) -> float:
    """Computes the coverage of one class: of (n, d) and (m, d), see `density_coverage`."""
    return density_coverage(real_features, fake_features, k=COVERAGE_K)[1]


def class_diversity(real_features: ArrayLike, fake_features: ArrayLike) -> float:
    """Computes the mean distance of two generated images of a class, by that of two real ones.

    Args:
        real_features: features (n, d) of real images of the class.
        fake_features: features (m, d) of generated ones.
    Returns:
        0 where all generated images are alike, 1 where they are as varied as real ones.
    Raises:
        InputError: see `check_one`; real images that are all alike.
    """
    usual = float(pdist(check_one(real_features, "real", 2)).mean())
    if usual == 0:
        raise InputError("the real images of a class are all alike: nothing is as varied. Use more real images.")
    return float(pdist(check_one(fake_features, "generated", 2)).mean()) / usual


OF_A_CLASS: Mapping[str, Callable[[ArrayLike, ArrayLike], float]] = {
    "class_coverage": class_coverage,
    "class_diversity": class_diversity,
}  # (features of real, of generated images of the class) -> number
