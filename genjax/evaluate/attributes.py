"""Agreement of images with their texts: shares of attributes that were read as asked, with 95 % intervals."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from genjax.errors import InputError

Values = Sequence | np.ndarray
Share = tuple[float, float, float]  # the share, and the ends of its 95 % interval
Z = 1.959963984540054  # quantile of the normal distribution at 97.5 %


def wilson(successes: int, n: int) -> Share:
    """Computes a share and its Wilson score interval, 95 %, which holds near 0 and 1 too. (Wilson 1927)

    Args:
        successes: number of successes.
        n: number of trials.
    Returns:
        (share, low, high), each from 0 to 1.

    Raises:
        InputError: nothing was counted, or more successes than trials.
    """
    if not 0 <= successes <= n or n < 1:
        raise InputError(f"{successes} of {n} is no share. Count 1 or more.")
    share, z2 = successes / n, Z * Z
    # (p + z^2 / 2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)
    middle, half = share + z2 / (2 * n), Z * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    low, high = (middle - half) / (1 + z2 / n), (middle + half) / (1 + z2 / n)
    return share, max(0.0, min(low, share)), min(1.0, max(high, share))


def difference(one: Share, other: Share) -> Share:
    """Computes one share less another that was counted apart, with its 95 % interval. (Newcombe 1998, method 10)

    Args:
        one: share with its Wilson interval.
        other: share that is subtracted, with its Wilson interval.
    Returns:
        (difference, low, high), each from -1 to 1.
    """
    share = one[0] - other[0]
    # low = d - sqrt((p1 - l1)^2 + (u2 - p2)^2), high = d + sqrt((u1 - p1)^2 + (p2 - l2)^2)
    down, up = math.hypot(one[0] - one[1], other[2] - other[0]), math.hypot(one[2] - one[0], other[0] - other[1])
    return share, share - down, share + up


def agreement(read: Mapping[str, Values], asked: Mapping[str, Values]) -> dict[str, Share]:
    """Computes the share of images in which each attribute is as asked, and under `all` of those with all right.

    Args:
        read: {attribute: values (n,) that were read from the images}.
        asked: {attribute: values (n,) of their texts}; attributes that were not read do not count.
    Returns:
        {attribute: (share, low, high)}, and the entry `all`.
    Raises:
        InputError: unlike numbers of images and texts.
    """
    right = {}
    for name, seen in read.items():
        if len(seen) != len(asked[name]):
            raise InputError(f"{len(seen)} images were read and {len(asked[name])} asked for. Use equal numbers.")
        right[name] = np.asarray(seen) == np.asarray(asked[name])
    right["all"] = np.logical_and.reduce(list(right.values()))
    return {name: wilson(int(hits.sum()), len(hits)) for name, hits in right.items()}
