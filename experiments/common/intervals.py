"""Means over seeds with their confidence intervals."""

import numpy as np
from scipy.special import stdtrit


def mean_interval(values: list[float]) -> tuple[float, float]:
    """Mean of one value a seed, and half of its 95 % interval (Student's t); the half is NaN for a single seed."""
    array = np.asarray(values)
    if len(array) < 2:
        return float(array.mean()), float("nan")
    return float(array.mean()), float(stdtrit(len(array) - 1, 0.975) * array.std(ddof=1) / len(array) ** 0.5)
