"""How steadily a run got where it got: a best value that cannot be held is no result.

Read off the evaluations along training, which use the same latents and the same number of images every time.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from genjax.errors import InputError

LATE = 1 / 3  # the part of the evaluations that counts as late
COLLAPSED = 0.5  # of its peak, under which coverage or Vendi has collapsed


class Stability(NamedTuple):
    """Of one run, for a metric where lower is better.

    Attributes:
        best: lowest value.
        final: last value.
        ratio: final / best; 1 is a run that ends at its best. NaN where the best is not above 0.
        late_deviation: standard deviation over the last third of the evaluations.
        worst_jump: largest rise from one evaluation to the next; 0 without any.
        collapse_step: first step from which on the diversity stayed under half of its peak so far; None without.
        not_finite: lines of the log with a value that is not finite.
    """

    best: float
    final: float
    ratio: float
    late_deviation: float
    worst_jump: float
    collapse_step: int | None
    not_finite: int


def stability(lines: Sequence[Mapping[str, Any]], *, metric: str, diversity: Sequence[str] = ()) -> Stability:
    """How steady one run was.

    Args:
        lines: of its metrics.jsonl, in order: {"step": ..., name: number}.
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
    late = finite[-max(2, round(LATE * len(finite))) :]
    return Stability(
        best=best,
        final=final,
        ratio=final / best if best > 0 else math.nan,
        late_deviation=float(late.std(ddof=1)),
        worst_jump=max(0.0, float(np.diff(finite).max())),
        collapse_step=min(filter(None, (collapse_step(lines, name) for name in diversity)), default=None),
        not_finite=sum(not all(math.isfinite(value) for value in line.values()) for line in lines),
    )


def collapse_step(lines: Sequence[Mapping[str, Any]], name: str) -> int | None:
    """The first step from which on a value stays under half of the peak that it had reached; None if it never does."""
    found, peak = None, -math.inf
    for line in lines:
        if name not in line:
            continue
        peak = max(peak, line[name])
        if line[name] >= COLLAPSED * peak:
            found = None
        elif found is None:
            found = int(line["step"])
    return found


def over_seeds(runs: Sequence[Stability]) -> dict[str, tuple[float, float]]:
    """{field: (mean, standard deviation)} over runs; a run that never collapsed counts as a share of 0 collapses."""
    columns = {
        name: np.asarray([getattr(run, name) for run in runs], float)
        for name in ("best", "final", "ratio", "late_deviation", "worst_jump", "not_finite")
    }
    columns["collapses"] = np.asarray([run.collapse_step is not None for run in runs], float)
    spread = 1 if len(runs) > 1 else 0
    return {name: (float(values.mean()), float(values.std(ddof=spread))) for name, values in columns.items()}
