"""Soak test: do memory, pace and open files stay level while a GAN and a VAE train for half an hour each?

    python experiments/faults/soak.py                    # an hour: digits, the demo's networks
    python experiments/faults/soak.py --families gan     # one of the two; both can run at the same time
    python experiments/faults/soak.py --quick            # seconds with tiny networks, to see that everything runs

Each trains in a process of its own, with pictures, evaluations and checkpoints as usual, and is watched from outside
(Linux). After the warm-up a straight line is fitted: growth is its slope over the rest, in % of where it begins. The
pace is that of windows of equal length, by the process's CPU time (on a shared machine the wall clock measures the
others) and by the wall clock. Writes soak.json, soak.md and soak.png into --out; the other family's figures stay.

Measured on 2026-11-26, a core each (experiments/results/soak.md): memory grew by 0.1 % in 25 minutes (GAN and VAE),
pace by CPU time changed by +5.4 % and +2.4 %, open files stayed 11.
"""

import dataclasses
import datetime
import json
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

import numpy as np

from experiments.common.tiny_run import FAMILIES, tiny
from experiments.faults.children import Child, trained
from genjax.config import TrainConfig
from genjax.errors import InputError
from genjax.report.draw.lines import Line, save_lines
from genjax.store.metrics import read_metrics
from genjax.store.run_folder import write_bytes
from genjax.terminal import result, say, table
from genjax.version import __version__

MEMORY, PACE = 2.0, 5.0  # %: growth of the memory, and loss of pace by CPU time, that count as none
WINDOWS = 10  # of the pace
TAIL = 1 << 16  # bytes at the end of a log that are read for its last line
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Soak:
    """Trains for long, and watches."""

    out: Path = Path("runs/soak")
    """Folder for figures and plot."""
    families: tuple[Literal["gan", "vae"], ...] = FAMILIES
    """Families to train."""
    minutes: float = 30.0
    """Minutes of each family, from its first step on."""
    warm_up: float = 5.0
    """Minutes at the start that are not judged."""
    every: float = 5.0
    """Seconds between looks."""
    quick: bool = False
    """Seconds of tiny networks; nothing is judged."""


class Look(NamedTuple):
    """One measurement of a process from outside: wall-clock and CPU seconds, images, MB, open files."""

    seconds: float
    cpu: float
    images: int
    megabytes: float
    files: int


def main(settings: Soak) -> int:
    """Trains each family in turn; returns 1 where something grew."""
    if settings.quick:
        settings = dataclasses.replace(settings, minutes=0.03, warm_up=0.01, every=0.1)
    if not settings.minutes > settings.warm_up >= 0:
        raise InputError(f"--warm-up {settings.warm_up:g} leaves nothing of --minutes {settings.minutes:g}. Use less.")
    if not Path("/proc/self/statm").exists():
        raise InputError("this system has no /proc to watch a process from. Run it on Linux.")
    settings.out.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="genjax-soak-"))
    looks, found = {}, {}
    for family in settings.families:
        say(f"{family}, {settings.minutes:g} minutes")
        config = endless_run(family, work / family, settings)
        looks[family], ended = watch(config, settings, work / "compiled")
        found[family] = summarise(looks[family], 60 * settings.warm_up)
        found[family]["violations"] = [*ended, *([] if settings.quick else find_growth(found[family]))]
    shutil.rmtree(work, ignore_errors=True)
    write(settings, *merge_earlier(settings, looks, found))
    violations = [f"{family}: {said}" for family, values in found.items() for said in values["violations"]]
    for violation in violations:
        say(violation)
    return 1 if violations else 0


def endless_run(family: str, run: Path, settings: Soak) -> TrainConfig:
    """Config of a run without an end, with all that a run does beside its steps."""
    if settings.quick:
        return tiny(family, run, steps=10**7, save_every=10, sample_every=10)
    return TrainConfig(model=family, data="digits", steps=10**7, log_every=10, out=run)


def watch(config: TrainConfig, settings: Soak, cache: Path) -> tuple[list[Look], list[str]]:
    """Watches a run; returns (looks from its first step on, sentences on what was wrong with its end)."""
    child, looks = Child(lambda: trained(config), cache), []
    log = config.out / "metrics.jsonl"
    while not read_metrics(log) and not child.wait(0.1):
        pass
    began = time.monotonic()
    while time.monotonic() - began < 60 * settings.minutes and not child.wait(settings.every):
        looks.append(measure_process(child.pid, time.monotonic() - began, last_step(log) * config.batch))
    child.kill(signal.SIGTERM)
    ended = child.end()
    stopped = (ended.value or {}).get("signal") == "SIGTERM"
    return looks, [] if stopped else [f"it ended by itself: {ended.output[-300:]}"]


def measure_process(process: int, seconds: float, images: int) -> Look:
    """Measures a running process."""
    folder = Path("/proc") / str(process)
    resident = int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()  # the name before may hold spaces
    cpu = (int(fields[11]) + int(fields[12])) / TICKS  # its own, and the system's for it
    return Look(seconds, cpu, images, resident / 1e6, len(list((folder / "fd").iterdir())))


def last_step(log: Path) -> int:
    """Reads the step of the last whole line of a metrics.jsonl, however long the file is."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL))
        lines = file.read().split(b"\n")[:-1]
    return int(json.loads(lines[-1])["step"])


def summarise(looks: Sequence[Look], warm_up: float) -> dict[str, Any]:
    """Computes the figures of a run, after its warm-up."""
    rest = [one for one in looks if one.seconds >= warm_up]
    if len(rest) < 3:
        return {"looks": len(looks)}
    third = len(rest) // 3
    files = [one.files for one in rest]
    times = [one.seconds for one in rest]
    pace = {clock: paces(rest, clock) for clock in ("cpu", "seconds")}
    return {
        "looks": len(looks),
        "seconds": round(looks[-1].seconds, 1),
        "images": looks[-1].images,
        "megabytes": [round(rest[0].megabytes, 1), round(rest[-1].megabytes, 1)],
        "memory_growth": growth(times, [one.megabytes for one in rest]),
        "images_per_cpu_second": statistics.median(pace["cpu"]),
        "images_per_second": statistics.median(pace["seconds"]),
        "pace_change_cpu": growth(range(len(pace["cpu"])), pace["cpu"]),
        "pace_change_clock": growth(range(len(pace["seconds"])), pace["seconds"]),
        "files": [statistics.median(files[:third]), statistics.median(files[-third:])],
        "most_files": max(files),
    }


def paces(looks: Sequence[Look], clock: str) -> list[float]:
    """Computes images a second, by one of the clocks, in windows of equal length."""
    edges = np.linspace(0, len(looks) - 1, min(WINDOWS, len(looks) - 1) + 1).astype(int)
    ends = [looks[edge] for edge in edges]
    return [(b.images - a.images) / max(getattr(b, clock) - getattr(a, clock), 1 / TICKS) for a, b in pairwise(ends)]


def growth(times: Sequence[float], values: Sequence[float]) -> float:
    """Fits a straight line; returns its rise over the whole in % of its start, or 0 where it starts at 0 or below."""
    slope, start = np.polyfit(np.asarray(times) - times[0], values, 1)
    return float(100 * slope * (times[-1] - times[0]) / start) if start > 0 else 0.0


def find_growth(values: dict[str, Any]) -> list[str]:
    """Lists what did not stay level, in sentences."""
    if "memory_growth" not in values:
        return ["too few looks after the warm-up to judge anything"]
    said = [] if values["images_per_second"] > 0 else ["it made no progress"]
    if values["memory_growth"] > MEMORY:
        said.append(f"its memory grew by {values['memory_growth']:.1f} %, more than {MEMORY:g}")
    if values["pace_change_cpu"] < -PACE:
        said.append(f"its pace by CPU time changed by {values['pace_change_cpu']:.1f} %, more than {PACE:g} down")
    if values["files"][1] > values["files"][0]:
        said.append(f"it holds {values['files'][1]:g} files open instead of {values['files'][0]:g}")
    return said


def merge_earlier(
    settings: Soak, looks: dict[str, list[Look]], found: dict[str, dict[str, Any]]
) -> tuple[dict[str, list[Look]], dict[str, dict[str, Any]]]:
    """Merges looks and figures with those of other families that a run of the same length has left."""
    path = settings.out / "soak.json"
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if any(content.get(name) != getattr(settings, name) for name in ("quick", "minutes", "warm_up", "every")):
        return looks, found
    seen = {family: [Look(*one) for one in of] for family, of in content["looks"].items()} | looks
    judgements = content["found"] | found
    order = [family for family in FAMILIES if family in seen]
    return {family: seen[family] for family in order}, {family: judgements[family] for family in order}


def write(settings: Soak, looks: dict[str, list[Look]], found: dict[str, dict[str, Any]]) -> None:
    """Writes figures, table and plot."""
    about = {"genjax": __version__, "date": datetime.date.today().isoformat(), "quick": settings.quick}
    about |= {"minutes": settings.minutes, "warm_up": settings.warm_up, "every": settings.every}
    seen = {family: [list(one) for one in of] for family, of in looks.items()}
    content = about | {"found": found, "columns": Look._fields, "looks": seen}
    write_bytes(settings.out / "soak.json", (json.dumps(content) + "\n").encode())
    header, rows = cells(found)
    lines = [" | ".join(row) for row in (header, ["---"] * len(header), *rows)]
    text = [f"Made by `experiments/faults/soak.py{' --quick' if settings.quick else ''}`, genjax {__version__},"]
    text += [f"{about['date']}: {settings.minutes:g} minutes each, the first {settings.warm_up:g} not judged.", ""]
    text += [f"| {line} |" for line in lines]
    write_bytes(settings.out / "soak.md", "\n".join(["# Soak", "", *text, ""]).encode())
    plot(settings.out / "soak.png", looks)
    result(table(header, rows))


def cells(found: dict[str, dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Formats header and rows of the table."""
    header = ["family", "images", "memory, MB", "growth, %", "images a CPU second", "change, %"]
    header += ["images a second", "change, %", "open files", "kept"]
    rows = []
    for family, values in found.items():
        kept = "no" if values["violations"] else "yes"
        if "memory_growth" not in values:
            rows.append([family, *["?"] * (len(header) - 2), kept])
            continue
        memory, files = (" to ".join(f"{number:g}" for number in values[name]) for name in ("megabytes", "files"))
        numbers = [f"{values['images']:,}", memory, f"{values['memory_growth']:+.2f}"]
        for pace, change in (("images_per_cpu_second", "pace_change_cpu"), ("images_per_second", "pace_change_clock")):
            numbers += [f"{values[pace]:,.0f}", f"{values[change]:+.1f}"]
        rows.append([family, *numbers, f"{files}, at most {values['most_files']}", kept])
    return header, rows


def plot(path: Path, looks: dict[str, list[Look]]) -> None:
    """Draws memory, pace and files over minutes, each from 0 up."""
    panels: dict[str, list[Line]] = {"resident memory, MB": [], "images a CPU second": [], "open files": []}
    for family, of in looks.items():
        if len(of) < 2:
            continue
        minutes = [one.seconds / 60 for one in of]
        pace = paces(of, "cpu")
        middle = np.interp((np.arange(len(pace)) + 0.5) / len(pace), np.linspace(0, 1, len(of)), minutes).tolist()
        panels["resident memory, MB"].append(Line(family, minutes, [one.megabytes for one in of]))
        panels["images a CPU second"].append(Line(family, middle, pace))
        panels["open files"].append(Line(family, minutes, [float(one.files) for one in of]))
    save_lines(path, "A run that lasts, over minutes", panels, logarithmic=False)


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Soak, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
