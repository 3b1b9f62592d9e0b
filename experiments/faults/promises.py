"""Promises of docs/reliability.md, a row each: what is done to runs to break it, and which tests try it too.

The settings of the experiment are here, since every row reads its numbers from them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from experiments.common.tiny_run import FAMILIES
from experiments.faults.children import Child
from experiments.faults.fuzz_targets import PROMISED, TARGETS
from experiments.faults.fuzzer import fuzz
from experiments.faults.interruptions import kill_runs, read_while_training, second_process, stop_run

BATCH = 250  # cases of the fuzzer in one process
QUICKLY = ("configs", "images", "captions")  # kinds of files that are quickly read


@dataclass(frozen=True)
class Faults:
    """Kills, stops, damages and starves runs, and says which promises were kept."""

    out: Path = Path("runs/faults")
    """Folder for the table."""
    rows: tuple[str, ...] = ()
    """Rows to fill; by default all."""
    kills: int = 100
    """Kills of each family, by kill -9 at random moments."""
    kill_steps: int = 40
    """Steps of each run that is killed; every second one is saved."""
    stops: int = 50
    """Stops of each family."""
    steps: int = 500
    """Steps of the run that is stopped."""
    cases: int = 250
    """Cases of the fuzzer for each kind of file: four kinds are promised 1,000 together."""
    seconds: float = 60.0
    """Seconds to read a run of each family while it trains."""
    seed: int = 0
    """Seed of everything random."""
    quick: bool = False
    """A little of what takes time, of one family; not the tests."""


class Row(NamedTuple):
    """A promise, and how it is tried.

    Attributes:
        what: description of what happens to runs.
        work: function that does it in a folder and returns what it found; None where only tests do.
        tests: tests of the suite that do it too, or its other parts.
    """

    what: str
    work: Callable[[Faults, Path], dict[str, Any]] | None = None
    tests: tuple[str, ...] = ()


def of_families(work: Callable[..., dict[str, Any]], *arguments: str) -> Callable[[Faults, Path], dict[str, Any]]:
    """Makes the work of a row that runs once for each family, with these settings for arguments."""

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
    """Folder of compiled steps for all rows: the same tiny networks are trained again and again."""
    return folder.parent / "compiled"


def fuzz_all(settings: Faults, folder: Path) -> dict[str, Any]:
    """Fuzzes every kind of file in processes of so many cases; a process that is taken down is a violation."""
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


ROWS = {
    "killed": Row(
        "kill -9 at random moments, saves included; then resumed",
        of_families(kill_runs, "kills", "kill_steps", "seed"),
        ("tests/store/test_run_folder.py", "tests/store/test_metrics.py"),
    ),
    "stopped": Row(
        "SIGTERM and Ctrl-C in turns at random steps; then resumed",
        of_families(stop_run, "stops", "steps", "seed"),
        (
            "tests/training/test_loop.py::test_a_signal_saves_and_the_run_goes_on_to_the_same_end",
            "tests/training/test_seeds.py",
        ),
    ),
    "two at once": Row(
        "a second process on one run's folder",
        lambda _, folder: second_process(work=folder, cache=compiled(folder)),
        ("tests/store/test_lock.py",),
    ),
    "read": Row(
        "sample, evaluate, report, load and TensorBoard while it trains", of_families(read_while_training, "seconds")
    ),
    "processes": Row(
        "one of two processes is preempted; stopped and resumed across one and two",
        None,
        (
            "tests/slow/devices/test_processes.py::test_two_processes_stop_together_and_one_goes_on_and_two_again",
            "tests/devices/test_sharding.py::test_eight_devices_equal_one_after_five_steps",
        ),
    ),
    "fuzzed": Row("damaged configs, checkpoints, images, captions; models, logs, arrays, weights", fuzz_all),
    "disk": Row("a disk that is full or fails, a folder that vanishes", None, ("tests/store/test_disk_errors.py",)),
    "damage": Row(
        "a checkpoint cut, flipped, missing in part",
        None,
        ("tests/store/test_checkpoint.py", "tests/store/test_doctor.py"),
    ),
    "other": Row(
        "a checkpoint of another version or another config",
        None,
        (
            "tests/training/test_loop.py::test_a_checkpoint_of_another_config_is_refused_by_the_names_that_differ",
            "tests/store/test_model.py",
        ),
    ),
    "not finite": Row(
        "NaN and infinity in a batch, a gradient, a controller",
        None,
        ("tests/families/test_not_finite.py", "tests/training/test_recovery.py", "tests/control/test_bounds.py"),
    ),
    "images": Row(
        "files that are no images, and images of every odd form",
        None,
        (
            "tests/data/sources/test_folder.py",
            "tests/data/test_images.py",
            "tests/cli/test_main.py::test_broken_images_stop_a_run_before_it_begins_or_are_skipped_and_named_once",
        ),
    ),
    "memory": Row("out of memory", None, ("tests/devices/test_memory.py",)),
    "caches": Row(
        "a preparation or a cache that was interrupted",
        None,
        (
            "tests/devices/test_backend.py",
            "tests/slow/devices/test_backend.py",
            "tests/evaluate/features/test_statistics.py",
            "tests/data/sources/test_tfds.py",
        ),
    ),
    "surroundings": Row(
        "another clock, time zone, locale, home, path",
        None,
        ("tests/test_surroundings.py", "tests/slow/test_surroundings.py"),
    ),
    "hostile": Row(
        "files made to do harm",
        None,
        (
            "tests/test_hostile.py",
            "tests/evaluate/features/test_state_dict.py",
            "tests/data/sources/test_npz.py",
            "tests/data/sources/test_idx.py",
        ),
    ),
}
