"""Similarity of images: PSNR, SSIM and MS-SSIM of pairs, and MS-SSIM diversity of a set.

The structural similarity compares mean, contrast and correlation inside a Gaussian window. All values are of uint8
images, whose data range is 255, and are means over the positions of the window and over channels.
"""

import numpy as np
from scipy.ndimage import correlate1d

from genjax.errors import InputError
from genjax.evaluate.features.extractor import check_images
from genjax.evaluate.metrics.check import Floats

RANGE = 255.0  # of uint8 images
WINDOW, SIGMA = 11, 1.5  # (Wang et al. 2004, section III.C)
K1, K2 = 0.01, 0.03  # keep quotients finite where an image is dark or flat (Wang et al. 2004)
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, finest first (Wang et al. 2003, section 3.2)
COARSEST = 8  # pixels that the smaller side has at the coarsest scale, or more: as 128 pixels have after four halvings
BLOCK = 1 << 20  # values of each image array held at once: 8 MiB, about ten times


def psnr(images: np.ndarray, others: np.ndarray) -> Floats:
    """Computes the peak signal-to-noise ratio of each pair: 10 log10(255^2 / mean squared difference).

    Args:
        images: uint8 (n, height, width, 1 or 3).
        others: uint8 array of the same shape.
    Returns:
        Decibels (n,), higher is more alike. Equal images give infinity: leave them out of a mean.
    Raises:
        InputError: images of another type, or of unlike shapes.
    """
    _check_pairs(images, others)
    values = np.empty(len(images))
    for rows in _chunks(images):
        difference = images[rows].astype(np.float64) - others[rows]
        squared = (difference * difference).mean(axis=(1, 2, 3))  # (rows,)
        with np.errstate(divide="ignore"):  # equal images: infinity
            values[rows] = 10 * np.log10(RANGE * RANGE / squared)
    return values


def ssim(images: np.ndarray, others: np.ndarray) -> Floats:
    """Computes the structural similarity of each pair, where the whole window fits. (Wang et al. 2004, eq. 13)

    The window has Gaussian weights, covariances are divided by n, and channels are taken one by one.

    Args:
        images: uint8 (n, height, width, 1 or 3), sides of 11 pixels or more.
        others: uint8 array of the same shape.
    Returns:
        Similarities (n,), from -1 to 1; 1 for equal images only.
    Raises:
        InputError: images of another type, too small, or of unlike shapes.
    """
    _check_pairs(images, others)
    _check_size(images, WINDOW)
    values = np.empty(len(images))
    for rows in _chunks(images):
        luminance, structure = _maps(images[rows].astype(np.float64), others[rows].astype(np.float64))
        # SSIM = mean over windows and channels of l * c * s
        values[rows] = (luminance * structure).mean(axis=(1, 2, 3))
    return values


def scales(size: int) -> int:
    """Returns the number of scales of `ms_ssim` for a smaller side of `size` pixels.

    The side is halved while 8 pixels are left, at most to five scales: 2 for 16 pixels, 3 for 32, 4 for 64, 5 for 128
    and more.

    Raises:
        InputError: fewer than 8 pixels.
    """
    if size < COARSEST:
        raise InputError(f"images have a side of {size} pixels, expected {COARSEST} or more. Use larger images.")
    sides = [size]
    while len(sides) < len(WEIGHTS) and _half(sides[-1]) >= COARSEST:
        sides.append(_half(sides[-1]))
    return len(sides)


def ms_ssim(images: np.ndarray, others: np.ndarray) -> Floats:
    """Computes the structural similarity over several scales. (Wang et al. 2003, eq. 7)

    Contrast and structure are compared at each scale, luminance at the coarsest.

    A scale is half the one before, by the mean of 2 x 2 pixels. `scales` says how many there are. Where there are fewer
    than five, the weights of those that are left are scaled to sum to 1; where a scale is smaller than the window of
    11, the window shrinks to the side and its sigma with it. So 16 pixels can be measured, and images of 16 pixels are
    to be compared with images of 16 pixels only. A negative mean of contrast and structure, of which there is no power,
    counts as 0.

    Args:
        images: uint8 (n, height, width, 1 or 3), sides of 8 pixels or more.
        others: uint8 array of the same shape.
    Returns:
        Similarities (n,), from 0 to 1; 1 for equal images.
    Raises:
        InputError: images of another type, too small, or of unlike shapes.
    """
    _check_pairs(images, others)
    weights = np.asarray(WEIGHTS[: scales(min(images.shape[1:3]))])
    weights = weights / weights.sum()  # fewer than five scales: scaled to sum to 1
    values = np.empty(len(images))
    for rows in _chunks(images):
        values[rows] = _multi_scale(images[rows].astype(np.float64), others[rows].astype(np.float64), weights)
    return values


def ms_ssim_diversity(images: np.ndarray, *, pairs: int = 500, seed: int = 0) -> float:
    """Computes the mean MS-SSIM of random pairs of one set. (Odena et al. 2017, section 4.2)

    Higher is less varied; a collapsed generator has 1. Compare it with the same of real images, of one class each where
    there are classes, for a set of one colour and noise are far apart in it as well.

    Args:
        images: uint8 (n, height, width, 1 or 3), n >= 2.
        pairs: most pairs, each of two different images and none twice.
        seed: seed of the pairs.
    Returns:
        A number from 0 to 1.
    Raises:
        InputError: images of another type or too small, fewer than 2, or no pairs.
    """
    check_images(images)
    if len(images) < 2:
        raise InputError("a pair needs 2 or more images; there is 1. Use more images.")
    if pairs < 1:
        raise InputError(f"{pairs} pairs were asked for, expected 1 or more.")
    first, second = _pairs(len(images), pairs, np.random.default_rng(seed))
    step = max(1, BLOCK // images[0].size)  # so that the pairs, too, are copied some at a time
    parts = [slice(start, start + step) for start in range(0, len(first), step)]
    return float(np.concatenate([ms_ssim(images[first[part]], images[second[part]]) for part in parts]).mean())


def _check_pairs(images: np.ndarray, others: np.ndarray) -> None:
    check_images(images)
    check_images(others, "other")
    if images.shape != others.shape:
        raise InputError(f"images have the shape {images.shape} and the others {others.shape}, expected the same.")


def _check_size(images: np.ndarray, least: int) -> None:
    height, width = images.shape[1:3]
    if min(height, width) < least:
        raise InputError(f"images are of {height} x {width} pixels, expected sides of {least} or more. Use ms_ssim.")


def _chunks(images: np.ndarray) -> list[slice]:
    step = max(1, BLOCK // images[0].size)
    return [slice(start, start + step) for start in range(0, len(images), step)]


def _multi_scale(x: Floats, y: Floats, weights: Floats) -> Floats:
    # product over scales of (contrast * structure)^weight, with luminance at the last
    values = np.ones(len(x))
    for i, weight in enumerate(weights):
        luminance, structure = _maps(x, y)
        last = i + 1 == len(weights)
        mean = (luminance * structure if last else structure).mean(axis=(1, 2, 3))
        values *= np.maximum(mean, 0) ** weight  # a negative number has no such power
        if not last:
            x, y = _halved(x), _halved(y)
    return values


def _maps(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Computes luminance, and contrast times structure, at each window position. (Wang et al. 2004, eq. 6, 9 and 10)"""
    c1, c2 = (K1 * RANGE) ** 2, (K2 * RANGE) ** 2
    mean_x, mean_y = _blur(x), _blur(y)
    both, product = mean_x * mean_x + mean_y * mean_y, mean_x * mean_y
    # var = E x^2 - (E x)^2, and the same for the covariance; E is the Gaussian mean of a window
    variances = _blur(x * x + y * y) - both
    covariance = _blur(x * y) - product
    # l = (2 mx my + c1) / (mx^2 + my^2 + c1);  c s = (2 cov + c2) / (vx + vy + c2)
    return (2 * product + c1) / (both + c1), (2 * covariance + c2) / (variances + c2)


def _blur(values: Floats) -> Floats:
    """Computes Gaussian means over windows that lie inside the image, by rows and then by columns."""
    size = min(WINDOW, *values.shape[1:3])  # a coarse scale may be smaller than the window
    offsets = np.arange(size) - (size - 1) / 2
    # exp(-x^2 / 2 sigma^2) in one direction: the window is a product of two
    weights = np.exp(-0.5 * (offsets / (SIGMA * size / WINDOW)) ** 2)
    weights /= weights.sum()
    for axis in (1, 2):
        inside = slice(size // 2, size // 2 + values.shape[axis] - size + 1)
        # Only windows that lie inside: nothing is made up beyond the border.
        values = correlate1d(values, weights, axis=axis)[(slice(None),) * axis + (inside,)]
    return values


def _half(side: int) -> int:
    return (side + 1) // 2


def _halved(values: Floats) -> Floats:
    """Averages 2 x 2 pixels; an odd side repeats its last row, as mirrored borders do."""
    n, height, width, channels = values.shape
    even = np.pad(values, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    # (n, h / 2, 2, w / 2, 2, channels) -> (n, h / 2, w / 2, channels)
    return even.reshape(n, _half(height), 2, _half(width), 2, channels).mean(axis=(2, 4))


def _pairs(n: int, pairs: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draws indices of pairs. All pairs are numbered (1, 0), (2, 0), (2, 1), (3, 0), and some numbers drawn."""
    total = n * (n - 1) // 2
    numbers = np.arange(total) if pairs >= total else rng.choice(total, pairs, replace=False)
    # Row i begins at number i (i - 1) / 2.
    first = ((1 + np.sqrt(1 + 8 * numbers)) / 2).astype(np.int64)
    return first, numbers - first * (first - 1) // 2
