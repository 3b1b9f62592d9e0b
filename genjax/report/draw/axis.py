"""An axis: which numbers it spans, straight or logarithmic, and where its ticks are."""

import math
from typing import NamedTuple

import numpy as np

DECADES = 100.0  # a ratio from which on a logarithmic axis reads better
MOST_TICKS = 4


class Axis(NamedTuple):
    """From numbers to places.

    Attributes:
        low: number at place 0.
        high: number at place 1.
        logarithmic: whether equal ratios are equal lengths.
    """

    low: float
    high: float
    logarithmic: bool = False

    def place(self, values: np.ndarray) -> np.ndarray:
        """Numbers (n,) as places from 0 to 1, those beyond the ends at the ends."""
        if self.logarithmic:
            values = np.log(np.maximum(values, self.low))
            low, high = math.log(self.low), math.log(self.high)
        else:
            low, high = self.low, self.high
        return np.clip((values - low) / (high - low), 0, 1)


def span(values: np.ndarray) -> Axis:
    """The axis that shows these finite numbers (n,): logarithmic where they are above 0 and span two decades."""
    if not len(values):
        return Axis(0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    if low > 0 and high / low >= DECADES:
        return Axis(low / 1.2, high * 1.2, logarithmic=True)
    if 0 <= low < 0.5 * high:
        return Axis(0.0, 1.06 * high)
    margin = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return Axis(low - margin, high + margin)


def ticks(axis: Axis) -> list[float]:
    """At most about four round numbers within the axis."""
    if axis.logarithmic:
        first, last = math.ceil(math.log10(axis.low)), math.floor(math.log10(axis.high))
        every = max(1, -(-(last - first + 1) // MOST_TICKS))
        return [10.0**power for power in range(first, last + 1, every)]
    rough = (axis.high - axis.low) / MOST_TICKS
    size = 10.0 ** math.floor(math.log10(rough))
    size *= next(factor for factor in (1, 2, 5, 10) if factor * size >= rough * 0.999)
    first, last = math.ceil(axis.low / size - 1e-9), math.floor(axis.high / size + 1e-9)
    return [number * size for number in range(first, last + 1)]


def short(value: float) -> str:
    """A number in few characters: 0.0123, 4.5, 12k, 3e-6."""
    for bound, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if bound <= abs(value) < 1e12:
            unit = 1e3 if letter == "k" else bound
            return f"{value / unit:.3g}{letter}"
    mantissa, e, power = f"{value:.4g}".partition("e")
    return f"{mantissa}e{int(power)}" if e else mantissa
