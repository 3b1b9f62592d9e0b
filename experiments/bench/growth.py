"""Growth of a step: how do its time and memory rise with width, batch and size?

    python experiments/bench/growth.py            # the demo's GAN and VAE
    python experiments/bench/growth.py --quick    # two points of one, to see that everything runs

Time is the median of steps in turns; memory is what XLA's plan of the compiled step holds at once (arguments, results
and temporaries). The exponent is the slope of a straight line through the logarithms. Writes growth.json, growth.md and
growth.png into --out.

Measured on 2026-11-24, idle machine, medians of 7 turns (experiments/results/growth.md): time grows as width^1.16,
batch^0.70 and size^2.47 with the GAN, as width^1.17, batch^0.78 and size^2.28 with the VAE.
"""

import dataclasses
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

import jax
import numpy as np

from experiments.common.calls import stepper
from experiments.common.timing import in_turns
from genjax.config import ModelConfig
from genjax.devices.memory import held_bytes
from genjax.errors import InputError
from genjax.families.registry import FAMILIES, build_learner
from genjax.report.draw.lines import Line, save_lines
from genjax.store.run_folder import write_bytes, write_json
from genjax.terminal import result, say

USUAL = {"width": 32, "batch": 64, "size": 16}
RANGES = {"width": (16, 32, 64, 128), "batch": (16, 32, 64, 128, 256), "size": (16, 32, 64)}
COMPARED = ("gan", "vae")


@dataclass(frozen=True)
class Growth:
    """Times steps over ranges of width, batch and size."""

    out: Path = Path("runs/growth")
    """Folder for figures and plot."""
    turns: int = 7
    """Turns of each point; the median counts."""
    quick: bool = False
    """Two points of the width, one turn."""


def main(settings: Growth) -> int:
    """Measures every range, then writes table and plot; returns the exit code."""
    ranges: dict[str, tuple[int, ...]] = RANGES
    if settings.quick:
        settings = dataclasses.replace(settings, turns=1)
        ranges = {"width": (8, 16)}
    rows = []
    for family in COMPARED:
        for quantity, values in ranges.items():
            say(f"{family}, {quantity} {values[0]} to {values[-1]}")
            rows += measure(family, quantity, values, settings.turns)
    settings.out.mkdir(parents=True, exist_ok=True)
    write_json(settings.out / "growth.json", rows)
    write_bytes(settings.out / "growth.md", markdown(rows, ranges).encode())
    plot(settings.out / "growth.png", rows, ranges)
    result(str(settings.out / "growth.md"))
    return 0


def measure(family: str, quantity: str, values: tuple[int, ...], turns: int) -> list[dict[str, Any]]:
    """Measures a step at each value, the others as in USUAL; returns a row a value."""
    sides, memory = {}, {}
    for value in values:
        sides[str(value)], memory[value] = prepared(family, **(USUAL | {quantity: value}))
    times = in_turns(sides, turns=turns)
    return [
        {
            "family": family,
            "quantity": quantity,
            "value": value,
            "ms": 1e3 * statistics.median(times[str(value)]),
            "bytes": memory[value],
        }
        for value in values
    ]


def prepared(family: str, *, width: int, batch: int, size: int) -> tuple[Any, int]:
    """Compiles a step; returns (a callable that makes it and waits for it, bytes that it holds)."""
    model = ModelConfig(family, size, 3, "float32", batch, FAMILIES[family].options(width=width))
    learner = build_learner(model)
    images = {"image": np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), dtype=np.uint8)}
    state = jax.jit(lambda key: learner.init(key, images))(jax.random.key(0))
    # Compiled ahead of time, so that XLA's memory plan can be read
    step = jax.jit(learner.step, donate_argnums=0).lower(state, images).compile()
    return stepper(step, state, images), held_bytes(step)


def exponent(rows: list[dict[str, Any]], name: str) -> float:
    """Fits the slope of the logarithm of a column over that of the value."""
    return float(np.polyfit(np.log([row["value"] for row in rows]), np.log([row[name] for row in rows]), 1)[0])


def markdown(rows: list[dict[str, Any]], ranges: dict[str, tuple[int, ...]]) -> str:
    """Writes the table."""
    usual = ", ".join(f"{name} {value}" for name, value in USUAL.items())
    lines = [
        f"Where not varied: {usual}, three channels, float32.",
        "",
        "| family | over | time, ms | grows as | memory, MB | grows as |",
        "|---|---|---|---|---|---|",
    ]
    for family in COMPARED:
        for quantity in ranges:
            mine = rows_of(rows, family, quantity)
            times, sizes = (", ".join(f"{row[k] / s:.3g}" for row in mine) for k, s in (("ms", 1), ("bytes", 1e6)))
            values = f"{quantity} " + ", ".join(str(row["value"]) for row in mine)
            powers = [f"{quantity}^{exponent(mine, name):.2f}" for name in ("ms", "bytes")]
            lines.append(f"| {family.upper()} | {values} | {times} | {powers[0]} | {sizes} | {powers[1]} |")
    return "\n".join([*lines, ""])


def rows_of(rows: list[dict[str, Any]], family: str, quantity: str) -> list[dict[str, Any]]:
    """Selects the rows of a line."""
    return [row for row in rows if (row["family"], row["quantity"]) == (family, quantity)]


def plot(path: Path, rows: list[dict[str, Any]], ranges: dict[str, tuple[int, ...]]) -> None:
    """Draws time above and memory below, a panel for each quantity."""
    panels = {}
    for name, scale, unit in (("ms", 1.0, "ms of a step"), ("bytes", 1e6, "MB")):
        for quantity in ranges:
            panels[f"{unit}, over {quantity}"] = [
                Line(
                    f"{family.upper()}, {quantity}^{exponent(mine, name):.2f}",
                    [row["value"] for row in mine],
                    [row[name] / scale for row in mine],
                )
                for family in COMPARED
                for mine in [rows_of(rows, family, quantity)]
            ]
    save_lines(path, "How a step grows", panels, across=len(ranges))


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Growth, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
