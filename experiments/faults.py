"""Breaks runs on purpose and prints what survived: killed and stopped runs, two writers, readers meanwhile, a fuzzer.

    python experiments/faults.py            # 50 kills and 50 stops of each family, 1,000 damaged files
    python experiments/faults.py --quick    # a few of each, to see that everything runs

Tiny networks, each run in a process of its own. Writes faults.json and faults.md into --out; exit code 1 where a
promise was broken.
"""

import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from genjax import backend

backend.prepare()  # before jax is imported

from fuzzer import TARGETS, fuzz
from interruptions import killed, read_while_training, second_process, stopped

from genjax.errors import InputError
from genjax.terminal import result, say, table
from genjax.train.run_folder import write_bytes

FAMILIES = ("gan", "vae")


@dataclass(frozen=True)
class Faults:
    """Breaks runs on purpose, and says what survived."""

    out: Path = Path("runs/faults")
    """Folder for the figures."""
    kills: int = 50
    """With kill -9, of each family."""
    stops: int = 50
    """With SIGTERM and Ctrl-C, of each family, in 500 steps."""
    cases: int = 1000
    """Damaged files, over all kinds."""
    seconds: float = 60.0
    """In which a run is read while it trains."""
    quick: bool = False
    """A few of each, of one family."""


def main(settings: Faults) -> int:
    """Runs every row and prints the table; returns the exit code."""
    families: tuple[str, ...] = FAMILIES
    if settings.quick:
        settings = dataclasses.replace(settings, kills=1, stops=1, cases=2 * len(TARGETS), seconds=1.0)
        families = ("vae",)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, break_it in experiments(settings, families).items():
            say(name)
            work = Path(folder) / str(len(rows))
            work.mkdir()
            rows.append({"row": name, **break_it(work)})
    settings.out.mkdir(parents=True, exist_ok=True)
    write_bytes(settings.out / "faults.json", (json.dumps(rows, indent=1) + "\n").encode())
    header, cells = ("what was done", "counts", "promises broken"), [(r["row"], counts(r), broken(r)) for r in rows]
    lines = ["| " + " | ".join(row) + " |" for row in (header, ("---",) * 3, *cells)]
    write_bytes(settings.out / "faults.md", ("\n".join(lines) + "\n").encode())
    result(table(header, cells))
    return 1 if any(row["violations"] for row in rows) else 0


def experiments(settings: Faults, families: tuple[str, ...]) -> dict[str, Callable[[Path], dict[str, Any]]]:
    """{row: what breaks a run in a folder}."""
    rows: dict[str, Callable[[Path], dict[str, Any]]] = {}
    for family in families:
        rows[f"kill -9, {family.upper()}"] = lambda work, family=family: killed(family, settings.kills, work=work)
        rows[f"stop, {family.upper()}"] = lambda work, family=family: stopped(
            family, settings.stops, work=work, steps=60 if settings.quick else 500
        )
    rows["second writer"] = lambda work: second_process(work=work)
    rows["readers meanwhile"] = lambda work: read_while_training("vae", settings.seconds, work=work)
    for kind in TARGETS:
        rows[f"damaged: {kind}"] = lambda work, kind=kind: fuzz(kind, settings.cases // len(TARGETS), work=work)
    return rows


def counts(row: dict[str, Any]) -> str:
    """How often what was done."""
    return ", ".join(f"{name} {value}" for name, value in row.items() if name not in ("row", "violations", "moments"))


def broken(row: dict[str, Any]) -> str:
    """What was not kept."""
    return "; ".join(row["violations"]) or "none"


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Faults, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
