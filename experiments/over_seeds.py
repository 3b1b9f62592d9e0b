"""Numbers of several seeds as a mean and its interval."""

import numpy as np
from scipy.special import stdtrit


def over_seeds(values: list[float]) -> tuple[float, float]:
    """Mean, and half of the 95 % interval of Student's t; NaN for a single seed."""
    array = np.asarray(values)
    if len(array) < 2:
        return float(array.mean()), float("nan")
    return float(array.mean()), float(stdtrit(len(array) - 1, 0.975) * array.std(ddof=1) / len(array) ** 0.5)
