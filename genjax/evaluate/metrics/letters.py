"""Measures of drawn letters against the true ones: distance, legibility, rank of their style, and copies of shots.

All of them compare one image with one other, the same character of the same font: that is known, where a font is the
data and some of its characters are the shots.
"""

import numpy as np

from genjax.evaluate.metrics.check import Floats
from genjax.families.copies import COPY

SHIFTS = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]


def shifted_distance(images: np.ndarray, truth: np.ndarray) -> Floats:
    """Computes the mean absolute difference of pixels after the best shift by at most one pixel.

    Args:
        images: uint8 (n, h, w, c).
        truth: uint8 (n, h, w, c), each compared with the image in its place.
    Returns:
        (n,), from 0 to 255.
    """
    padded = np.pad(images.astype(np.int16), ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = truth.shape[1:3]
    return np.min(
        [
            np.abs(padded[:, 1 + down : 1 + down + height, 1 + right : 1 + right + width] - truth).mean(axis=(1, 2, 3))
            for down, right in SHIFTS
        ],
        axis=0,
    )


def alike(char: str) -> str:
    """Returns the character that stands for all that look like this one: cases, 0 and O, 1, I and l are one."""
    lower = char.lower()
    return {"0": "o", "1": "l", "i": "l"}.get(lower, lower)


def right_letters(found: np.ndarray, asked: np.ndarray, characters: str) -> np.ndarray:
    """Returns which characters were read as asked, those that look alike counted as one.

    Args:
        found: numbers of characters that were read (n,).
        asked: numbers that were asked for (n,).
        characters: all of them.
    Returns:
        bool (n,).
    """
    group = np.array([alike(char) for char in characters])
    return group[found] == group[asked]


def style_rank(drawn: Floats, true: Floats, others: Floats) -> int:
    """Computes the rank of the true font among others by its style: 1 is nearest.

    Args:
        drawn: style features (n, d) of what was drawn.
        true: those (n, d) of the same characters of the true font.
        others: those (fonts, n, d) of the same characters of other fonts.
    """
    mean = drawn.mean(axis=0)
    own = np.linalg.norm(mean - true.mean(axis=0))
    return 1 + int(np.sum(np.linalg.norm(mean - others.mean(axis=1), axis=-1) < own))


def copies(images: np.ndarray, shots: np.ndarray) -> np.ndarray:
    """Returns which images copy a shot: nearest to it by far. (Somepalli et al. 2023; ratio of Yoon et al. 2023)

    Args:
        images: uint8 (n, h, w, c).
        shots: uint8 (k, h, w, c), 2 or more.
    Returns:
        bool (n,): the nearest shot is nearer than `COPY` of the distance to the second nearest.
    """
    flat, known = (one.reshape(len(one), -1).astype(np.float64) for one in (images, shots))
    squared = (flat**2).sum(1)[:, None] + (known**2).sum(1)[None] - 2 * flat @ known.T
    distances = np.sqrt(np.maximum(np.sort(squared, axis=1)[:, :2], 0))
    return distances[:, 0] < COPY * distances[:, 1]


def nearest_face(shots: np.ndarray, faces: np.ndarray) -> int:
    """Returns the face that draws the shots most alike, by `shifted_distance`: retrieval.

    Args:
        shots: uint8 (k, h, w, c).
        faces: uint8 (faces, k, h, w, c), the same characters of each face.
    """
    return int(np.argmin([shifted_distance(shots, face).mean() for face in faces]))
