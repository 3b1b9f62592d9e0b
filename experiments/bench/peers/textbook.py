"""The Fréchet distance as most public code has it, by scipy's matrix root."""

import numpy as np
from scipy.linalg import sqrtm


def textbook_frechet(
    mean_1: np.ndarray, covariance_1: np.ndarray, mean_2: np.ndarray, covariance_2: np.ndarray
) -> float:
    """The Fréchet distance by scipy's matrix root, as most public code has it."""
    root = np.asarray(sqrtm(covariance_1 @ covariance_2))
    shift = mean_1 - mean_2
    return float(shift @ shift + np.trace(covariance_1) + np.trace(covariance_2) - 2 * np.trace(np.real(root)))
