"""Curves along training, read from the lines of metrics.jsonl and thinned for drawing."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

MOST_POINTS = 600  # in a curve; more would make the page heavy and the line no clearer
LOW, HIGH = "/low", "/high"  # endings of the names of the ends of an interval


class Series(NamedTuple):
    """One curve.

    Attributes:
        label: name of the run; "" where there is only one.
        steps: steps (n,), ascending.
        values: values (n,), NaN where one was not finite.
        low: lower ends (n,) of intervals, or None.
        high: upper ends (n,) of intervals, or None.
    """

    label: str
    steps: np.ndarray
    values: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None

    @property
    def finite(self) -> np.ndarray:
        """Returns the values that are finite."""
        return self.values[np.isfinite(self.values)]


def read_series(lines: Sequence[Mapping[str, Any]], label: str = "") -> dict[str, Series]:
    """Reads {name: its curve} from a log, in the order in which names first occur.

    Args:
        lines: lines {"step": n, name: number, ...}. `name/low` and `name/high` beside `name` are its interval.
        label: name of the run.
    """
    names = dict.fromkeys(name for line in lines for name in line if name != "step")
    found = {}
    for name in names:
        if name.endswith((LOW, HIGH)) and name.rpartition("/")[0] in names:
            continue
        here = [line for line in lines if name in line]
        banded = name + LOW in names and name + HIGH in names
        series = Series(
            label,
            np.asarray([line["step"] for line in here], float),
            _column(here, name),
            _column(here, name + LOW) if banded else None,
            _column(here, name + HIGH) if banded else None,
        )
        found[name] = thinned(series)
    return found


def thinned(series: Series, most: int = MOST_POINTS) -> Series:
    """Keeps at most `most` points, the lowest and the highest of each stretch, so that no spike is lost."""
    n = len(series.steps)
    if n <= most:
        return series
    kept = {0, n - 1}
    for stretch in np.array_split(np.arange(n), most // 2 - 1):
        values = series.values[stretch]
        kept |= (
            {int(stretch[0])} if np.isnan(values).any() else {int(stretch[f(values)]) for f in (np.argmin, np.argmax)}
        )
    rows = np.asarray(sorted(kept))
    low, high = (None if end is None else end[rows] for end in (series.low, series.high))
    return Series(series.label, series.steps[rows], series.values[rows], low, high)


def constant(series: Sequence[Series]) -> float | None:
    """Returns the one value that all points of these curves have; None if they vary, or if there is only one."""
    values = np.concatenate([one.values for one in series])
    same = len(values) > 1 and np.all(values == values[0])
    return float(values[0]) if same and math.isfinite(values[0]) else None


def _column(lines: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    column = np.asarray([line.get(name, math.nan) for line in lines], float)
    return np.where(np.isfinite(column), column, np.nan)
