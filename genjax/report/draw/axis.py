"""Axes of charts: the numbers that one spans, linear or logarithmic, its ticks, and short labels."""

import math
from typing import NamedTuple

import numpy as np

DECADES = 100.0  # ratio of highest to lowest from which on a logarithmic axis reads better
MOST_TICKS = 4  # as many as fit on a phone


class Axis(NamedTuple):
    """The range of an axis, from numbers to places between 0 and 1.

    Attributes:
        low: number at place 0.
        high: number at place 1.
        logarithmic: True if equal ratios are equal lengths.
    """

    low: float
    high: float
    logarithmic: bool = False

    def place(self, values: np.ndarray) -> np.ndarray:
        """Converts numbers (n,) to places from 0 to 1; those beyond the ends are at the ends."""
        if self.logarithmic:
            values = np.log(np.maximum(values, self.low))
            low, high = math.log(self.low), math.log(self.high)
        else:
            low, high = self.low, self.high
        return np.clip((values - low) / (high - low), 0, 1)


def span(values: np.ndarray) -> Axis:
    """Chooses the axis for finite numbers (n,): logarithmic if all are above 0 and span two decades."""
    if not len(values):
        return Axis(0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    if low > 0 and high / low >= DECADES:
        return Axis(low / 1.2, high * 1.2, logarithmic=True)
    if 0 <= low < 0.5 * high:  # near enough to 0 that the axis begins there
        return Axis(0.0, 1.06 * high)
    margin = 0.06 * (high - low) or 0.1 * abs(high) or 1.0  # equal numbers still need an axis of some length
    return Axis(low - margin, high + margin)


def ticks(axis: Axis) -> list[float]:
    """Chooses about `MOST_TICKS` round numbers within the axis."""
    if axis.logarithmic:
        first, last = math.ceil(math.log10(axis.low)), math.floor(math.log10(axis.high))
        every = max(1, -(-(last - first + 1) // MOST_TICKS))
        return [10.0**power for power in range(first, last + 1, every)]
    rough = (axis.high - axis.low) / MOST_TICKS
    size = 10.0 ** math.floor(math.log10(rough))
    # The smallest of 1, 2, 5 and 10 times a power of ten that gives few enough ticks.
    size *= next(factor for factor in (1, 2, 5, 10) if factor * size >= rough * 0.999)
    first, last = math.ceil(axis.low / size - 1e-9), math.floor(axis.high / size + 1e-9)
    return [number * size for number in range(first, last + 1)]


def short(value: float) -> str:
    """Writes a number in few characters: 0.0123, 4.5, 12k, 3e-6."""
    for bound, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if bound <= abs(value) < 1e12:
            unit = 1e3 if letter == "k" else bound
            return f"{value / unit:.3g}{letter}"
    mantissa, e, power = f"{value:.4g}".partition("e")
    return f"{mantissa}e{int(power)}" if e else mantissa
