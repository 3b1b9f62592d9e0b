"""Whether images show what their texts ask for: shares of attributes that were read as asked, with intervals."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from genjax.errors import InputError

Values = Sequence | np.ndarray
Share = tuple[float, float, float]  # of n: the share, and the ends of its 95 % interval
Z = 1.959963984540054  # of the normal distribution at 97.5 %


def wilson(successes: int, n: int) -> Share:
    """A share and its 95 % interval, which is honest near 0 and 1 too. (Wilson 1927)

    Raises:
        InputError: nothing was counted, or more successes than trials.
    """
    if not 0 <= successes <= n or n < 1:
        raise InputError(f"{successes} of {n} is no share. Count 1 or more.")
    share, z2 = successes / n, Z * Z
    middle, half = share + z2 / (2 * n), Z * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    low, high = (middle - half) / (1 + z2 / n), (middle + half) / (1 + z2 / n)
    return share, max(0.0, min(low, share)), min(1.0, max(high, share))


def difference(one: Share, other: Share) -> Share:
    """One share less another that was counted apart, and the 95 % interval. (Newcombe 1998, method 10)"""
    share = one[0] - other[0]
    down, up = math.hypot(one[0] - one[1], other[2] - other[0]), math.hypot(one[2] - one[0], other[0] - other[1])
    return share, share - down, share + up


def agreement(read: Mapping[str, Values], asked: Mapping[str, Values]) -> dict[str, Share]:
    """Of each attribute the share that was read as asked, and under `all` that of images with all of them right.

    Args:
        read: {attribute: what was seen in each image (n,)}.
        asked: the same of their texts; attributes that were not read do not count.
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
