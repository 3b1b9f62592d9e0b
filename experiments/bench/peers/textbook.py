"""The Fréchet distance as most public code has it, by scipy's matrix root."""

import numpy as np
from scipy.linalg import sqrtm


def textbook_frechet(
    mean_1: np.ndarray, covariance_1: np.ndarray, mean_2: np.ndarray, covariance_2: np.ndarray
) -> float:
    """Computes |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of two Gaussians. (Dowson and Landau 1982)"""
    root = np.asarray(sqrtm(covariance_1 @ covariance_2))
    shift = mean_1 - mean_2
    return float(shift @ shift + np.trace(covariance_1) + np.trace(covariance_2) - 2 * np.trace(np.real(root)))
