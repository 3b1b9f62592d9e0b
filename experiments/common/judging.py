"""Judging a run by what it draws, and a table's words for several seeds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common.intervals import mean_interval
from genjax.data import load
from genjax.devices import backend
from genjax.evaluate import evaluate_images, load_extractor
from genjax.evaluate.sampling import sample_run

JUDGED = ("kd", "fd", "coverage")
COLUMNS = ("KD", "FD", "coverage")


def judged(
    run: Path, data: str, *, size: int, channels: int = 0, num: int, seed: int, called: str = ""
) -> dict[str, Any]:
    """Draws images of a run and judges them against held-out ones: `values` by name, and `records`.

    Args:
        run: folder of the run.
        data: set of which the held-out images are.
        size: pixels of a side.
        channels: 1 for grey, 3 for colour, 0 as the images are.
        num: images that are drawn, and held-out ones at most.
        seed: of drawing and judging.
        called: name of the set in the records; that of the set where it is empty.
    """
    held_out = load(data, size=size, channels=channels, split="test")
    records = evaluate_images(
        held_out.images[np.arange(min(num, len(held_out)))],
        sample_run(run, num, seed=seed),
        extractor=load_extractor("embedded-v1"),
        metrics=JUDGED,
        data=called or data,
        split="test",
        seed=seed,
        intervals=(),  # intervals are over seeds, in the table
        cache=backend.cache_folder(),
    )
    return {
        "values": {record.name.partition("[")[0]: record.value for record in records},
        "records": [record.to_json() for record in records],
    }


def cells(rows: Sequence[dict[str, Any]]) -> str:
    """Writes the cells of a table's line: the means over these rows, one a seed, and half their intervals."""
    return " | ".join(_over_seeds([row["values"][name] for row in rows]) for name in COLUMNS)


def _over_seeds(values: list[float]) -> str:
    mean, half = mean_interval(values)
    digits = 3 if abs(mean) < 10 else 1
    return f"{mean:.{digits}f}" + ("" if np.isnan(half) else f" ± {half:.{digits}f}")
