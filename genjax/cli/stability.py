"""`genjax stability`: says how steadily runs of one setting got where they got."""

import json
import math
from dataclasses import dataclass
from typing import Any

from genjax.cli.options.shown import Runs
from genjax.terminal import result, table

FIGURES = ("best", "final", "ratio", "late_deviation", "worst_jump", "collapse_step", "not_finite")


@dataclass(frozen=True)
class StabilityCommand:
    """Says how steadily runs got where they got: best and final values, jumps, collapses, over seeds."""

    runs: Runs = ()
    """Folders of the runs, of one setting and different seeds, separated by spaces."""
    metric: str = ""
    """Evaluation to follow, as it is called in metrics.jsonl, lower is better; empty is the kernel distance."""
    json: bool = False
    """Print JSON and nothing else."""


def run_stability(command: StabilityCommand) -> int:
    """Prints the figures of each run and over all of them, as a table or JSON."""
    from genjax.training.seeds import steadiness

    found = steadiness(command.runs, command.metric)
    if command.json:
        runs = {name: {key: _number(value) for key, value in run._asdict().items()} for name, run in found.runs.items()}
        summary = {figure: [_number(value) for value in pair] for figure, pair in found.summary.items()}
        result(json.dumps({"metric": found.metric, "runs": runs, "summary": summary}, indent=2))
    else:
        result(stability_table(found))
    return 0


def _number(value: float | None) -> float | None:
    """Returns None in place of NaN, which JSON does not have."""
    return None if value is None or math.isnan(value) else value


def stability_table(found: Any) -> str:
    """Formats figures of several runs for a person: a line a run, then mean and standard deviation."""
    rows = [
        (name, *("" if (value := getattr(run, figure)) is None else f"{value:.4g}" for figure in FIGURES))
        for name, run in found.runs.items()
    ]
    means = [found.summary.get(figure, found.summary["collapses"]) for figure in FIGURES]
    for row, (name, column) in enumerate((("mean", 0), ("sd", 1))):
        cells = [f"{pair[column]:.4g}" for pair in means]
        cells[FIGURES.index("collapse_step")] = f"{means[5][0]:.0%} of runs" if row == 0 else ""
        rows.append((name, *cells))
    header = (found.metric.removeprefix("evaluate/"), *(figure.replace("_", " ") for figure in FIGURES))
    return table(header, rows)
