"""The classifier score of images, by the formula of the Inception Score.

It is high if a classifier is sure of each image and sees many classes over all. Only the score by standard Inception's
classes may be called IS: `genjax.evaluate.features.inception.class_logits` gives their logits. With another classifier
it is to be named after that one, and compares with its own kind.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_softmax, logsumexp

from genjax.errors import InputError
from genjax.evaluate.metrics.check import Floats


def classifier_score(logits: ArrayLike, *, splits: int = 10) -> tuple[float, float]:
    """Computes exp E_x KL(p(y | x) | p(y)) over parts of the images. (Salimans et al. 2016, section 4)

    It knows nothing of real images, and one good image of each class has the best score. Fewer images score lower: the
    Inception Score is of 50,000, in ten parts.

    Args:
        logits: classifier's logits (n, classes).
        splits: number of parts of equal size that are scored one by one, in the order of the images, which should not
            be sorted.
    Returns:
        Mean and standard deviation (divided by `splits`) over the parts; a score is from 1 to the number of classes.
    Raises:
        InputError: another shape, fewer than 2 classes, numbers that are not finite, or fewer images than parts.
    """
    given = np.asarray(logits)
    if given.ndim != 2 or given.dtype.kind not in "fiu" or given.shape[1] < 2:
        raise InputError(
            f"logits are {given.dtype} of shape {given.shape}, expected numbers of shape (images, 2 or more classes)."
        )
    if not 1 <= splits <= len(given):
        raise InputError(f"{splits} parts of {len(given)} images: use 1 or more parts, and no more than images.")
    if not np.isfinite(given).all():
        bad = int((~np.isfinite(given)).any(axis=1).sum())
        raise InputError(f"logits of {bad} of {len(given)} images are not finite. Check the images and the classifier.")
    # log p(y | x), (n / splits, classes) each
    log_parts = np.array_split(np.asarray(log_softmax(given.astype(np.float64), axis=1)), splits)
    scores = np.asarray([_score(part) for part in log_parts])
    return float(scores.mean()), float(scores.std())  # as the Inception Score is published


def _score(log_conditional: Floats) -> float:
    # p(y) = mean over images of p(y | x), in logarithms
    log_marginal = logsumexp(log_conditional, axis=0) - np.log(len(log_conditional))
    # exp of the mean over images of sum_y p(y | x) (log p(y | x) - log p(y))
    return float(np.exp((np.exp(log_conditional) * (log_conditional - log_marginal)).sum(axis=1).mean()))
