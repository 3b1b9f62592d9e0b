"""Waiting times: how long do the help, the first step of a run, and images take?

    python experiments/bench/waiting.py            # a minute or two on two cores
    python experiments/bench/waiting.py --quick    # tiny networks and few steps, to see that everything runs

Starts are processes as a user starts them: `genjax --help`; and `genjax train` until metrics.jsonl has its first line,
in turns with an empty cache of compiled steps and with the cache that the first start has left. The wait for images is
the share of a run's time, after the first step, that the loop spends on asking for its next batch: with images that are
decoded before the run, and with images that are decoded while it runs, as those of sets too large for memory are.
Writes waiting.json and waiting.md into --out.

Measured on 2026-11-26 on a slow machine, medians of 3 starts (experiments/results/waiting.md): 0.4 s to the help, 29.2
s to the first step, 8.9 s with a warm cache; 0.2 to 1.9 % of a step waits for images.
"""

import dataclasses
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

import numpy as np
from PIL import Image

from experiments.common.commands import genjax_command
from experiments.common.tiny_run import FAMILIES, tiny
from genjax.config import TrainConfig
from genjax.data import dataset, load
from genjax.errors import InputError
from genjax.store.run_folder import write_bytes, write_json
from genjax.terminal import result, say
from genjax.training import stage
from genjax.training.loop import train

Images = Literal["decoded before", "decoded while it runs"]


@dataclass(frozen=True)
class Waiting:
    """Times starts, and the share of a run that waits for images."""

    out: Path = Path("runs/waiting")
    """Folder for the figures."""
    turns: int = 3
    """Starts of each kind; the median counts."""
    steps: int = 60
    """Steps of each run whose wait for images is measured."""
    photos: int = 500
    """Images of the folder that is read: glyphs of 64x64 pixels, as PNG."""
    quick: bool = False
    """Tiny networks and few steps."""


def main(settings: Waiting) -> int:
    """Measures, writes and prints; returns the exit code."""
    if settings.quick:
        settings = dataclasses.replace(settings, turns=1, steps=4, photos=40)
    with tempfile.TemporaryDirectory() as folder:
        found = {"starts": measure_starts(settings, Path(folder)), "images": measure_waits(settings, Path(folder))}
    settings.out.mkdir(parents=True, exist_ok=True)
    write_json(settings.out / "waiting.json", found)
    write_bytes(settings.out / "waiting.md", markdown(found).encode())
    result(markdown(found))
    return 0


def measure_starts(settings: Waiting, folder: Path) -> dict[str, float]:
    """Times `genjax --help`, and a run to its first step with an empty cache and a full one, in seconds."""
    taken: dict[str, list[float]] = {"help": [], "first": [], "second": []}
    for turn in range(settings.turns):
        began = time.monotonic()
        subprocess.run(genjax_command("--help"), check=True, stdout=subprocess.DEVNULL)
        taken["help"].append(time.monotonic() - began)
        for name in ("first", "second"):
            taken[name].append(to_first_step(settings, folder / f"{name}-{turn}", cache=folder / f"cache-{turn}"))
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def to_first_step(settings: Waiting, out: Path, *, cache: Path) -> float:
    """Times the start of the demo's GAN until it has made a step, in seconds."""
    network = ["--model", "vae", "--vae.width", "8"] if settings.quick else ["--model", "gan"]
    arguments = genjax_command("train", "--log-every", "1", "--out", str(out), *network)
    unset = {"JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"}
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    began = time.monotonic()
    with subprocess.Popen(
        arguments,
        env=environment | {"XDG_CACHE_HOME": str(cache)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while not ((out / "metrics.jsonl").exists() and (out / "metrics.jsonl").stat().st_size):
            if process.poll() is not None:
                raise InputError(f"a run ended by itself with exit code {process.returncode}.")
            time.sleep(0.01)
        seconds = time.monotonic() - began
        process.kill()  # rather than wait until it has saved
    return seconds


def measure_waits(settings: Waiting, folder: Path) -> list[dict[str, Any]]:
    """Measures each case: milliseconds of a step, and the share of them that waits for images."""
    photos = folder / "photos"
    photos.mkdir()
    for number, image in enumerate(load("glyphs", size=64, num=settings.photos).images[:]):
        Image.fromarray(image.squeeze()).save(photos / f"{number}.png")
    cases: tuple[tuple[str, int, Images], ...] = (
        ("digits", 16, "decoded before"),
        (f"folder:{photos}", 32, "decoded before"),
        (f"folder:{photos}", 32, "decoded while it runs"),
    )
    rows = []
    for family in FAMILIES[1:] if settings.quick else FAMILIES:
        for data, size, images in cases:
            out = folder / f"{family}-{len(rows)}"
            step, wait = measure_wait(config(settings, family, data, size, out), images)
            name = f"{data.partition(':')[0]}, {size} pixels, {images}"
            rows.append({"family": family, "images": name, "step_ms": 1e3 * step, "wait": wait})
    return rows


def config(settings: Waiting, family: Literal["gan", "vae"], data: str, size: int, out: Path) -> TrainConfig:
    """Config of a run with nothing but steps."""
    never: dict[str, Any] = {"log_every": 10**6, "sample_every": 10**6, "save_every": 10**6, "evaluate_every": 0}
    if settings.quick:
        return tiny(family, out, data=data, size=size, num_images=0, steps=settings.steps, **never)
    return TrainConfig(model=family, data=data, size=size, steps=settings.steps, out=out, **never)


def measure_wait(config: TrainConfig, images: Images) -> tuple[float, float]:
    """Trains a run; returns (seconds of a step, share of them in which the loop asks for its next batch)."""
    asked: list[tuple[float, float]] = []  # when each batch was asked for, and how long it took
    prefetched, in_memory = stage.prefetched, dataset.IN_MEMORY

    @contextmanager
    def timed(*arguments: Any, **keywords: Any) -> Iterator[Callable[[int], Any]]:
        with prefetched(*arguments, **keywords) as batch_of:

            def batch(step: int) -> Any:
                began = time.monotonic()
                found = batch_of(step)
                asked.append((began, time.monotonic() - began))
                return found

            yield batch

    stage.prefetched, dataset.IN_MEMORY = timed, 0 if images == "decoded while it runs" else in_memory
    try:
        train(config)
    finally:
        stage.prefetched, dataset.IN_MEMORY = prefetched, in_memory
    steady = asked[1:]  # the first step is compiled
    seconds = steady[-1][0] - steady[0][0]
    return seconds / (len(steady) - 1), float(np.sum([wait for _, wait in steady[:-1]])) / seconds


def markdown(found: dict[str, Any]) -> str:
    """Writes both tables."""
    starts = found["starts"]
    lines = ["| start | seconds |", "|---|---|"]
    lines += [f"| `genjax --help` | {starts['help']:.2f} |"]
    lines += [f"| `genjax train` to its first step | {starts['first']:.1f} |"]
    lines += [f"| the same again | {starts['second']:.1f}, {starts['first'] / starts['second']:.1f} times as fast |"]
    lines += ["", "| run | images | a step, ms | of it waiting for images |", "|---|---|---|---|"]
    for row in found["images"]:
        cells = (row["family"].upper(), row["images"], f"{row['step_ms']:.3g}", f"{100 * row['wait']:.2g} %")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Waiting, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
