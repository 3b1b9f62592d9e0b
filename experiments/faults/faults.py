"""Fault tests: does genjax keep the promises of docs/reliability.md when runs are broken on purpose?

    python experiments/faults/faults.py                        # everything, about 22 minutes; finished rows stay
    python experiments/faults/faults.py --rows killed fuzzed   # some rows
    python experiments/faults/faults.py --quick                # a little of what takes time, without the tests

Some rows are done here, in processes that are killed, stopped and read; others are tests of the suite, which are named
and run. A violation is a sentence; there should be none. Writes faults.json and faults.md into --out.

Measured on 2026-11-24 on one core, seed 0 (experiments/results/faults.md): every promise was kept.
"""

import dataclasses
import datetime
import json
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

from experiments.faults.promises import ROWS, Faults, Row
from genjax.errors import InputError, lookup
from genjax.store.run_folder import write_bytes, write_json
from genjax.terminal import result, say, table
from genjax.version import __version__

ROOT = Path(__file__).resolve().parents[2]


def main(settings: Faults) -> int:
    """Fills every row that is missing; returns 1 where a promise was broken."""
    for name in settings.rows:
        lookup(ROWS, name, "row")
    if settings.quick:
        settings = dataclasses.replace(settings, kills=1, kill_steps=10, stops=1, steps=10, cases=3, seconds=0.1)
    path = settings.out / "faults.json"
    settings.out.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="genjax-faults-"))
    found: dict[str, Any] = json.loads(path.read_text())["rows"] if path.exists() else {}
    for name, row in ROWS.items():
        wanted = name in (settings.rows or ROWS) and name not in found and not (settings.quick and row.work is None)
        if wanted:
            say(f"{name}: {row.what}")
            found[name] = fill_row(row, settings, work)
            about = {
                "genjax": __version__,
                "machine": describe_machine(),
                "quick": settings.quick,
                "seed": settings.seed,
            }
            write_json(path, about | {"rows": found})
            write_bytes(settings.out / "faults.md", markdown(about, found).encode())
    shutil.rmtree(work, ignore_errors=True)
    lines = [(row["what"], kept_or_not(row), f"{row['seconds']:.0f}") for row in found.values()]
    result(table(("what happens", "kept", "s"), lines))
    for name, row in found.items():
        for violation in row["violations"]:
            say(f"{name}: {violation}")
    return 1 if any(row["violations"] for row in found.values()) else 0


def fill_row(row: Row, settings: Faults, work: Path) -> dict[str, Any]:
    """Does the work of a row and runs its tests; returns what was found."""
    began, found = time.monotonic(), {"what": row.what, "violations": []}
    if row.work:
        folder = Path(tempfile.mkdtemp(dir=work))
        found |= row.work(settings, folder)
        shutil.rmtree(folder, ignore_errors=True)
    if row.tests and not settings.quick:
        passed, failures = run_tests(row.tests)
        found |= {"tests": passed, "violations": found["violations"] + failures}
    return found | {"seconds": round(time.monotonic() - began, 1), "date": datetime.date.today().isoformat()}


def run_tests(names: tuple[str, ...]) -> tuple[int, list[str]]:
    """Runs tests of the suite; returns (number that passed, sentences on those that failed)."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml", str(report), *names]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if not report.exists():
            return 0, [f"the tests did not run: {done.stdout[-300:]} {done.stderr[-300:]}"]
        cases = list(ElementTree.parse(report).iter("testcase"))
    failures = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = [case for case in cases if case.find("skipped") is not None]
    said = [f"{case.get('classname')}.{case.get('name')} failed" for case in failures]
    return len(cases) - len(failures) - len(skipped), said


def kept_or_not(row: Mapping[str, Any]) -> str:
    """Says if a promise was kept."""
    return f"{len(row['violations'])} violations" if row["violations"] else "yes"


def tried_in_numbers(row: Mapping[str, Any]) -> str:
    """Summarises in numbers what was done."""
    parts = []
    for name, value in row.items():
        if isinstance(value, dict):
            numbers = [f"{number} {what}" for what, number in value.items() if isinstance(number, int | float)]
            numbers += [f"{number} {moment}" for moment, number in value.get("moments", {}).items()]
            parts.append(f"{name}: {', '.join(numbers)}")
    if "tests" in row:
        parts.append(f"{row['tests']} tests")
    return "; ".join(parts)


def describe_machine() -> str:
    """Describes the machine without its name."""
    return f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"


def markdown(about: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Writes the table."""
    lines = [
        "# Faults",
        "",
        f"Made by `experiments/faults/faults.py --seed {about['seed']}{' --quick' if about['quick'] else ''}`, genjax"
        f" {about['genjax']}, {about['machine']}.",
        "",
        "| | what happens | promise kept | what was tried | seconds | date |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in found.items():
        cells = (name, row["what"], kept_or_not(row), tried_in_numbers(row), f"{row['seconds']:.0f}", row["date"])
        lines.append("| " + " | ".join(cells) + " |")
    broken = [f"- {name}: {violation}" for name, row in found.items() for violation in row["violations"]]
    return "\n".join([*lines, "", *(["## Broken", "", *broken, ""] if broken else [])])


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Faults, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
