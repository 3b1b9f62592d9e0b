"""What can befall a run, done to it on purpose: a row for each promise of docs/reliability.md, and whether it was kept.

    python experiments/faults.py                        # everything, in about 22 minutes; a row that is there stays
    python experiments/faults.py --rows killed fuzzed   # some rows
    python experiments/faults.py --quick                # a little of what takes time, without the tests

Some rows are done here, in processes that are killed, stopped and read; others are tests of the suite, which are named
and run. A violation is a sentence; there should be none. Writes faults.json and faults.md into --out.
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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import tyro

from genjax.devices import backend

backend.prepare()  # before jax is imported

from children import FAMILIES, Child
from fuzzer import PROMISED, TARGETS, fuzz
from interruptions import killed, read_while_training, second_process, stopped

from genjax import __version__
from genjax.errors import InputError, lookup
from genjax.store.run_folder import write_bytes, write_json
from genjax.terminal import result, say, table

ROOT = Path(__file__).parents[1]
BATCH = 250  # cases of the fuzzer in one process
QUICKLY = ("configs", "images", "captions")  # kinds of files that are quickly read


@dataclass(frozen=True)
class Faults:
    """Kills, stops, damages and starves runs, and says whether what was promised was kept."""

    out: Path = Path("runs/faults")
    """Folder for the table."""
    rows: tuple[str, ...] = ()
    """Which rows; all without it."""
    kills: int = 100
    """Of each family, by kill -9 at random moments."""
    kill_steps: int = 40
    """Of each run that is killed; every second one is saved."""
    stops: int = 50
    """Of each family, in so many steps."""
    steps: int = 500
    """That are stopped so often."""
    cases: int = 250
    """Of the fuzzer, of each kind of file: four kinds are promised 1,000 together."""
    seconds: float = 60.0
    """To read a run of each family that trains."""
    seed: int = 0
    """Of what is left to chance."""
    quick: bool = False
    """A little of what takes time, of one family; not the tests."""


class Row(NamedTuple):
    """A promise.

    Attributes:
        what: happens.
        work: does it, in a folder; None where tests do.
        tests: that do it too, or do its other parts.
    """

    what: str
    work: Callable[[Faults, Path], dict[str, Any]] | None = None
    tests: tuple[str, ...] = ()


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
            found[name] = filled(row, settings, work)
            about = {"genjax": __version__, "machine": machine(), "quick": settings.quick, "seed": settings.seed}
            write_json(path, about | {"rows": found})
            write_bytes(settings.out / "faults.md", markdown(about, found).encode())
    shutil.rmtree(work, ignore_errors=True)
    lines = [(row["what"], held(row), f"{row['seconds']:.0f}") for row in found.values()]
    result(table(("what happens", "kept", "s"), lines))
    for name, row in found.items():
        for violation in row["violations"]:
            say(f"{name}: {violation}")
    return 1 if any(row["violations"] for row in found.values()) else 0


def filled(row: Row, settings: Faults, work: Path) -> dict[str, Any]:
    """What a row comes to."""
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
    """(how many passed, which failed) of tests of the suite."""
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


def of_families(work: Callable[..., dict[str, Any]], *arguments: str) -> Callable[[Faults, Path], dict[str, Any]]:
    """The work for each family, with these settings for arguments."""

    def each(settings: Faults, folder: Path) -> dict[str, Any]:
        found: dict[str, Any] = {"violations": []}
        for family in FAMILIES[-1:] if settings.quick else FAMILIES:
            (folder / family).mkdir()
            values = {name: getattr(settings, name) for name in arguments}
            counted = work(family, **values, work=folder / family, cache=compiled(folder))
            found["violations"] += [f"{family}: {violation}" for violation in counted.pop("violations")]
            found[family] = counted
        return found

    return each


def compiled(folder: Path) -> Path:
    """Where compiled steps are kept, for all rows: the same tiny networks are trained again and again."""
    return folder.parent / "compiled"


def fuzzed(settings: Faults, folder: Path) -> dict[str, Any]:
    """Every kind of file, in a process for each so many cases; one that is taken down is a violation."""
    found: dict[str, Any] = {"violations": [], "promised": list(PROMISED)}
    for kind in QUICKLY if settings.quick else TARGETS:
        total = {"cases": 0, "refused": 0, "harmless": 0, "slowest": 0.0}
        for first in range(0, settings.cases, BATCH):
            number = min(BATCH, settings.cases - first)
            place = folder / f"{kind.replace(' ', '_')}-{first}"
            work = lambda k=kind, n=number, p=place, f=first: fuzz(k, n, work=p, seed=settings.seed, first=f)  # noqa: E731
            ended = Child(work, compiled(folder)).end()
            if ended.value is None:
                at = (place / "cases.txt").read_text() if (place / "cases.txt").exists() else "before the first"
                found["violations"].append(f"{at} took the process down ({ended.code}): {ended.output[-200:]}")
                continue
            found["violations"] += ended.value["violations"]
            for name in ("cases", "refused", "harmless"):
                total[name] += ended.value[name]
            total["slowest"] = max(total["slowest"], ended.value["slowest"])
        found[kind] = total
    return found


TRAIN = "tests/train/test_"
ROWS = {
    "killed": Row(
        "kill -9 at random moments, saves included; then resumed",
        of_families(killed, "kills", "kill_steps", "seed"),
        (f"{TRAIN}run_folder.py", f"{TRAIN}metrics.py"),
    ),
    "stopped": Row(
        "SIGTERM and Ctrl-C in turns at random steps; then resumed",
        of_families(stopped, "stops", "steps", "seed"),
        (f"{TRAIN}loop.py::test_a_signal_saves_and_the_run_goes_on_to_the_same_end", f"{TRAIN}seeds.py"),
    ),
    "two at once": Row(
        "a second process on one run's folder",
        lambda _, folder: second_process(work=folder, cache=compiled(folder)),
        (f"{TRAIN}lock.py",),
    ),
    "read": Row(
        "sample, evaluate, report, load and TensorBoard while it trains", of_families(read_while_training, "seconds")
    ),
    "processes": Row(
        "one of two processes is preempted; stopped and resumed across one and two",
        None,
        (
            f"{TRAIN}processes.py::test_two_processes_stop_together_and_one_goes_on_and_two_again",
            f"{TRAIN}sharding.py::test_eight_devices_equal_one_after_five_steps",
        ),
    ),
    "fuzzed": Row("damaged configs, checkpoints, images, captions; models, logs, arrays, weights", fuzzed),
    "disk": Row("a disk that is full or fails, a folder that vanishes", None, (f"{TRAIN}storage.py",)),
    "damage": Row("a checkpoint cut, flipped, missing in part", None, (f"{TRAIN}checkpoint.py", f"{TRAIN}doctor.py")),
    "other": Row(
        "a checkpoint of another version or another config",
        None,
        (
            f"{TRAIN}loop.py::test_a_checkpoint_of_another_config_is_refused_by_the_names_that_differ",
            f"{TRAIN}artifact.py",
        ),
    ),
    "not finite": Row(
        "NaN and infinity in a batch, a gradient, a controller",
        None,
        (f"{TRAIN}not_finite.py", f"{TRAIN}recovery.py", "tests/control/test_bounds.py"),
    ),
    "images": Row(
        "images that are none, or of every odd form",
        None,
        (
            "tests/data/test_folder.py",
            "tests/data/test_images.py",
            "tests/test_cli.py::test_broken_images_stop_a_run_before_it_begins_or_are_skipped_and_named_once",
        ),
    ),
    "memory": Row("out of memory", None, (f"{TRAIN}memory.py",)),
    "caches": Row(
        "a preparation or a cache that was interrupted",
        None,
        ("tests/test_backend.py", "tests/evaluate/test_statistics.py", "tests/data/test_tfds.py"),
    ),
    "surroundings": Row("another clock, time zone, locale, home, path", None, ("tests/test_surroundings.py",)),
    "hostile": Row(
        "files made to do harm",
        None,
        (
            "tests/test_hostile.py",
            "tests/evaluate/test_state_dict.py",
            "tests/data/test_npz.py",
            "tests/data/test_idx.py",
        ),
    ),
}


def held(row: Mapping[str, Any]) -> str:
    """Whether a promise was kept."""
    return f"{len(row['violations'])} violations" if row["violations"] else "yes"


def tried(row: Mapping[str, Any]) -> str:
    """What was done, in numbers."""
    parts = []
    for name, value in row.items():
        if isinstance(value, dict):
            numbers = [f"{number} {what}" for what, number in value.items() if isinstance(number, int | float)]
            numbers += [f"{number} {moment}" for moment, number in value.get("moments", {}).items()]
            parts.append(f"{name}: {', '.join(numbers)}")
    if "tests" in row:
        parts.append(f"{row['tests']} tests")
    return "; ".join(parts)


def machine() -> str:
    """What it ran on, without its name."""
    return f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"


def markdown(about: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """The table."""
    lines = [
        "# Faults",
        "",
        f"Made by `experiments/faults.py --seed {about['seed']}{' --quick' if about['quick'] else ''}`, genjax"
        f" {about['genjax']}, {about['machine']}.",
        "",
        "| | what happens | promise kept | what was tried | seconds | date |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in found.items():
        lines.append(f"| {name} | {row['what']} | {held(row)} | {tried(row)} | {row['seconds']:.0f} | {row['date']} |")
    broken = [f"- {name}: {violation}" for name, row in found.items() for violation in row["violations"]]
    return "\n".join([*lines, "", *(["## Broken", "", *broken, ""] if broken else [])])


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Faults, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
