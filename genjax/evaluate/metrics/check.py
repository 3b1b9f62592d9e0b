"""Checks of features before a metric computes anything: shape, width, number of images, finite numbers."""

import numpy as np
from numpy.typing import ArrayLike

from genjax.errors import InputError

Floats = np.ndarray  # float64


def check_features(real_features: ArrayLike, fake_features: ArrayLike, *, least: int = 2) -> tuple[Floats, Floats]:
    """Checks two sets of features and converts them to float64.

    A constant set of fakes is allowed: it is what a collapsed generator makes, and the metrics measure that.

    Args:
        real_features: features (n, d).
        fake_features: features (m, d).
        least: fewest images of each set.
    Returns:
        (real, fake), both float64.
    Raises:
        InputError: another shape, unequal widths, too few images, a number that is not finite, or real features that
            are the same for every image.
    """
    real = check_one(real_features, "real", least)
    fake = check_one(fake_features, "generated", least)
    if real.shape[1] != fake.shape[1]:
        raise InputError(
            f"real images have {real.shape[1]} features each and generated ones {fake.shape[1]}."
            " Extract both with the same extractor."
        )
    if np.all(real == real[:1]):
        raise InputError(
            f"all {len(real)} real images have the same features, so that nothing can be compared with them."
            " Check the images and the extractor."
        )
    return real, fake


def check_neighbours(k: int, real: Floats, fake: Floats) -> None:
    """Checks that every image has k others of its own set.

    Args:
        k: number of neighbours.
        real: features (n, d).
        fake: features (m, d).
    Raises:
        InputError: k below 1, or a set of k images or fewer.
    """
    fewest = min(len(real), len(fake))
    if k < 1:
        raise InputError(f"k={k} is no number of neighbours. Use 1 or more.")
    if k >= fewest:
        raise InputError(
            f"k={k} neighbours need {k + 1} or more images of each set; there are {len(real)} real and {len(fake)}"
            f" generated. Use more images or a smaller k."
        )


def check_one(features: ArrayLike, which: str, least: int) -> Floats:
    """Checks one set of features and converts it to float64.

    Args:
        features: array (n, d).
        which: name of the set, for the message.
        least: fewest images.
    Returns:
        Features (n, d), float64.
    Raises:
        InputError: another shape, too few images, or a number that is not finite.
    """
    given = np.asarray(features)
    if given.ndim != 2 or given.dtype.kind not in "fiub" or given.shape[1] == 0:
        raise InputError(
            f"{which} features are {given.dtype} of shape {given.shape}, expected numbers of shape (images, features)."
        )
    if len(given) < least:
        noun = "image" if len(given) == 1 else "images"
        raise InputError(f"{which} features are of {len(given)} {noun}, expected {least} or more. Use more images.")
    matrix = given.astype(np.float64)
    if not np.isfinite(matrix).all():
        bad = int((~np.isfinite(matrix)).any(axis=1).sum())
        raise InputError(
            f"{which} features of {bad} of {len(matrix)} images are not finite."
            " Check the images: a diverged model makes such."
        )
    return matrix
