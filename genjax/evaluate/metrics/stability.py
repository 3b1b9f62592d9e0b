"""Stability of a run: best and final values, jumps and collapses, from its evaluations along training.

A best value that cannot be held is no result. The evaluations use the same latents and the same number of images every
time, so that they can be compared.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from genjax.errors import InputError

LATE = 1 / 3  # share of the evaluations that counts as late
COLLAPSED = 0.5  # share of its peak, under which coverage or Vendi has collapsed


class Stability(NamedTuple):
    """The stability of one run, by a metric of which lower is better.

    Attributes:
        best: lowest value.
        final: last value.
        ratio: final / best; 1 for a run that ends at its best, NaN where the best is not above 0.
        late_deviation: standard deviation over the last third of the evaluations.
        worst_jump: largest rise from one evaluation to the next; 0 without any.
        collapse_step: first step from which on the diversity stayed under half of its peak so far; None without.
        not_finite: number of lines of the log with a value that is not finite.
    """

    best: float
    final: float
    ratio: float
    late_deviation: float
    worst_jump: float
    collapse_step: int | None
    not_finite: int


def stability(lines: Sequence[Mapping[str, Any]], *, metric: str, diversity: Sequence[str] = ()) -> Stability:
    """Measures the stability of one run.

    Args:
        lines: lines {"step": ..., name: number} of its metrics.jsonl, in order.
        metric: name of the values to follow, lower is better.
        diversity: names of values in which a collapse shows, higher is better.
    Raises:
        InputError: fewer than two finite values of the metric.
    """
    series = [float(line[metric]) for line in lines if metric in line]
    finite = np.asarray([value for value in series if math.isfinite(value)])
    if len(finite) < 2:
        raise InputError(
            f"{len(finite)} evaluations of {metric} were found, expected 2 or more. "
            "Train with an --evaluate-every well below --steps."
        )
    best, final = float(finite.min()), float(finite[-1])
    # At least two values, of which there is a deviation.
    late = finite[-max(2, round(LATE * len(finite))) :]
    return Stability(
        best=best,
        final=final,
        ratio=final / best if best > 0 else math.nan,
        late_deviation=float(late.std(ddof=1)),
        # The largest rise between neighbours: a fall is no jump.
        worst_jump=max(0.0, float(np.diff(finite).max())),
        collapse_step=min(filter(None, (collapse_step(lines, name) for name in diversity)), default=None),
        not_finite=sum(not all(math.isfinite(value) for value in line.values()) for line in lines),
    )


def collapse_step(lines: Sequence[Mapping[str, Any]], name: str) -> int | None:
    """Finds the first step from which on a value stays under half of its peak so far; None if it never does."""
    found, peak = None, -math.inf
    for line in lines:
        if name not in line:
            continue
        peak = max(peak, line[name])  # so far: a later peak says nothing of an earlier fall
        if line[name] >= COLLAPSED * peak:
            found = None  # it recovered
        elif found is None:
            found = int(line["step"])
    return found


def over_seeds(runs: Sequence[Stability]) -> dict[str, tuple[float, float]]:
    """Computes {field: (mean, standard deviation)} over runs; `collapses` is the share of runs that collapsed."""
    columns = {
        name: np.asarray([getattr(run, name) for run in runs], float)
        for name in ("best", "final", "ratio", "late_deviation", "worst_jump", "not_finite")
    }
    columns["collapses"] = np.asarray([run.collapse_step is not None for run in runs], float)
    spread = 1 if len(runs) > 1 else 0  # n - 1, which a single run does not have
    return {name: (float(values.mean()), float(values.std(ddof=spread))) for name, values in columns.items()}
