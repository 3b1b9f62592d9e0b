# pyright: reportMissingImports=false
"""Benchmark of steps and sampling: how fast is genjax beside PyTorch, plain Flax and the machine's limit?

    python experiments/bench/bench.py              # the table; needs torch (pip install "genjax-images[peers]")
    python experiments/bench/bench.py --quick      # few turns, without torch where it is not installed
    python experiments/bench/bench.py --profile    # the convolutions alone, layer by layer
    python experiments/bench/bench.py --combine runs/1 runs/2 runs/3    # medians and spread over finished runs

Absolute times on shared machines are noise: every figure is a ratio of two sides of one run. The limit is the time that
the step's floating-point operations would take at the rate of a product of two 2048x2048 float32 matrices. Writes
bench.json and bench.md into --out; with --profile, profile.json and profile.md.

Measured on 2026-11-26 on two cores of a slow virtual machine, three runs of 7 turns (experiments/results/bench.md): the
demo's GAN step at 1.8 times PyTorch's rate (1.5 to 1.9) and 2.5 times plain Flax's (2.0 to 2.7); the VAE's at 1.0 times
PyTorch's.
"""

import dataclasses
import json
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported


from experiments.bench.cases import CASES
from experiments.bench.layers import STACKS, profile
from experiments.bench.layers import markdown as layers_markdown
from experiments.bench.peers.twins import HAS_TORCH
from experiments.common.timing import in_turns, matrix_product, product_rate, ratio
from genjax.errors import InputError
from genjax.store.run_folder import write_bytes, write_json
from genjax.terminal import result, say, table


@dataclass(frozen=True)
class Bench:
    """Times every case in turns: genjax, PyTorch, plain Flax, and the machine's matrix product."""

    out: Path = Path("runs/bench")
    """Folder for the figures."""
    cases: tuple[str, ...] = ()
    """Cases to time; by default all."""
    turns: int = 9
    """Turns of each side; the medians count."""
    calls: int = 3
    """Calls of each side in a turn."""
    combine: tuple[Path, ...] = ()
    """Folders of finished runs: measure nothing, and write their medians into --out."""
    profile: bool = False
    """Time the convolutions of the DCGAN and the VAE alone, layer by layer, beside PyTorch's."""
    quick: bool = False
    """Two turns of small cases."""
    json: bool = False
    """Print the figures instead of the table."""


def main(settings: Bench) -> int:
    """Runs the cases; returns the exit code."""
    if settings.quick:
        settings = dataclasses.replace(settings, turns=2, calls=1, cases=settings.cases or ("demo", "sample_1"))
    if settings.profile:
        return finish_profile(settings)
    if settings.combine:
        return finish(combined(settings.combine), settings)
    unknown = [name for name in settings.cases if name not in CASES]
    if unknown:
        raise InputError(f"unknown case {unknown[0]!r}. Known: {', '.join(CASES)}.")
    if not HAS_TORCH:
        say('torch is not installed: no peer. Get it with pip install "genjax-images[peers]".')
    return finish([run(name, settings) for name in settings.cases or CASES], settings)


def finish(rows: list[dict[str, Any]], settings: Bench) -> int:
    """Writes and prints the table; returns the exit code."""
    settings.out.mkdir(parents=True, exist_ok=True)
    write_json(settings.out / "bench.json", rows)
    write_bytes(settings.out / "bench.md", markdown(rows).encode())
    result(json.dumps(rows, indent=1) if settings.json else shown(rows))
    return 0


def finish_profile(settings: Bench) -> int:
    """Times the layers, writes and prints them; returns the exit code."""
    steps = {name: CASES[name][1]().sides for name in STACKS}
    found = profile(steps, turns=settings.turns, calls=settings.calls)
    settings.out.mkdir(parents=True, exist_ok=True)
    write_json(settings.out / "profile.json", found)
    write_bytes(settings.out / "profile.md", layers_markdown(found).encode())
    result(json.dumps(found, indent=1) if settings.json else layers_markdown(found))
    return 0


def combined(folders: tuple[Path, ...]) -> list[dict[str, Any]]:
    """Combines runs into a row a case: medians over runs, and of a ratio the least and the greatest median too."""
    runs = []
    for folder in folders:
        path = folder / "bench.json"
        if not path.exists():
            raise InputError(f"{path} does not exist. Name folders that this bench has written.")
        runs.append({row["case"]: row for row in json.loads(path.read_text(encoding="utf-8"))})
    rows = []
    for name, first in runs[0].items():
        of_runs = [found[name] for found in runs if name in found]
        row = first | {"runs": len(of_runs)}
        for key, value in first.items():
            if isinstance(value, list):
                medians = [of_run[key][0] for of_run in of_runs]
                row[key] = [statistics.median(medians), min(medians), max(medians)]
            elif isinstance(value, float):
                row[key] = statistics.median(of_run[key] for of_run in of_runs)
        rows.append(row)
    return rows


def run(name: str, settings: Bench) -> dict[str, Any]:
    """Times a case; returns its row."""
    say(name)
    title, make = CASES[name]
    case = make()
    sides = dict(case.sides) | ({"product": matrix_product()} if case.flops else {})
    times = in_turns(sides, turns=settings.turns, calls=settings.calls * case.calls)
    row: dict[str, Any] = {"case": name, "title": title, "turns": settings.turns}
    row |= {f"{side}_ms": 1e3 * statistics.median(taken) for side, taken in times.items() if side != "product"}
    row |= {f"against_{side}": ratio(times[side], times["genjax"]) for side in PEERS if side in times}
    if case.flops:
        rates = [product_rate(taken) for taken in times["product"]]
        row["limit_ms"] = 1e3 * case.flops / statistics.median(rates)
        row["of_limit"] = row["limit_ms"] / row["genjax_ms"]
    return row


def shown(rows: list[dict[str, Any]]) -> str:
    """Formats the table for a terminal."""
    return table(HEADER, [cells(row) for row in rows])


def markdown(rows: list[dict[str, Any]]) -> str:
    """Writes the table for a page."""
    lines = ["| " + " | ".join(HEADER) + " |", "|" + "---|" * len(HEADER)]
    return "\n".join([*lines, *("| " + " | ".join(cells(row)) + " |" for row in rows), ""])


PEERS = ("torch", "compiled", "naive", "sqrtm")
HEADER = (
    "case",
    "genjax, ms",
    "times PyTorch's rate",
    "times torch.compile's",
    "times plain Flax's",
    "times sqrtm's",
    "of the limit",
)


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """Formats a row: medians of the ratios, with the least and the greatest."""
    ratios = [
        "{:.2f} ({:.2f} .. {:.2f})".format(*row[f"against_{side}"]) if f"against_{side}" in row else ""
        for side in PEERS
    ]
    limit = f"{row['of_limit']:.0%}" if "of_limit" in row else ""
    return row["title"], f"{row['genjax_ms']:.3g}", *ratios, limit


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Bench, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
