"""Benchmark of the metrics: how fast are the Fréchet distance, beside its textbook form, and the core metrics?

    python experiments/bench/metrics.py            # the full sizes
    python experiments/bench/metrics.py --quick    # small sizes, to see that everything runs

The core metrics are timed on real images. Times depend on the machine and its load; the ratio is of two forms timed in
turns in one run. Prints two tables, and writes the figures into --out if it is given.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

from experiments.bench.peers.textbook import textbook_frechet
from genjax.data import load
from genjax.errors import InputError
from genjax.evaluate import (
    CORE,
    METRICS,
    evaluate_images,
    extract_features,
    frechet_distance_from_statistics,
    load_extractor,
)
from genjax.evaluate.features.statistics import statistics_of
from genjax.evaluate.metrics.metric import Sets
from genjax.store.run_folder import write_json
from genjax.terminal import result, say, table


@dataclass(frozen=True)
class Bench:
    """Times the Fréchet distance against scipy's matrix root, and every core metric."""

    dims: tuple[int, ...] = (192, 1280)
    """Features of the Fréchet distance."""
    turns: int = 5
    """Turns of each form, alternating; the median counts."""
    num: int = 2000
    """Images on each side of the core set."""
    size: int = 32
    """Size of the images in pixels."""
    out: Path | None = None
    """A .json file for the figures; by default none."""
    quick: bool = False
    """Small sizes, to see that everything runs."""


def main(settings: Bench) -> int:
    """Times both parts and prints two tables; returns the exit code."""
    if settings.quick:
        settings = Bench(dims=(64,), turns=1, num=100, size=16, out=settings.out)
    frechet = [time_frechet(dim, settings.turns) for dim in settings.dims]
    core = time_core(settings.num, settings.size)
    header = ("FD from statistics", "genjax s", "sqrtm s", "times as fast", "relative difference")
    rows = [
        (f"d = {r['dim']}", f"{r['ours']:.3f}", f"{r['theirs']:.3f}", f"{r['ratio']:.1f}", f"{r['difference']:.1e}")
        for r in frechet
    ]
    result(table(header, rows))
    result("")
    images = f"{settings.num:,} + {settings.num:,} images, {settings.size}x{settings.size}"
    result(table((images, "s"), [(name, f"{seconds:.2f}") for name, seconds in core.items()]))
    if settings.out:
        write_json(settings.out, {"frechet": frechet, "core": core, "num": settings.num})
    return 0


def time_frechet(dim: int, turns: int) -> dict[str, Any]:
    """Times both forms on the statistics of 2 * dim random features each."""
    rng = np.random.default_rng(0)
    sets = [statistics_of(rng.standard_normal((2 * dim, dim)) @ rng.standard_normal((dim, dim))) for _ in range(2)]
    arguments = (*sets[0][:2], *sets[1][:2])
    ours, theirs, values = [], [], (0.0, 0.0)
    for turn in range(turns):
        say(f"FD at d = {dim}, turn {turn + 1} of {turns}")
        one, first = timed(lambda: frechet_distance_from_statistics(*arguments))
        other, second = timed(lambda: textbook_frechet(*arguments))
        ours, theirs, values = [*ours, one], [*theirs, other], (first, second)
    ratio = float(np.median(theirs) / np.median(ours))
    difference = abs(values[0] - values[1]) / values[1]
    return {
        "dim": dim,
        "ours": float(np.median(ours)),
        "theirs": float(np.median(theirs)),
        "ratio": ratio,
        "difference": difference,
    }


def time_core(num: int, size: int) -> dict[str, float]:
    """Times each part of the core set on two sets of glyphs, and all of it, with intervals and without."""
    extractor = load_extractor("embedded-v1")
    real, fake = (
        load("glyphs", size=size, channels=3, split=split, num=num, seed=seed).images[np.arange(num)]
        for split, seed in (("train", 0), ("train", 1))
    )
    seconds: dict[str, float] = {}
    extract_features(extractor, real[:1])  # compiled once a process, and kept between them
    seconds["features"], features = timed(lambda: [extract_features(extractor, part) for part in (real, fake)])
    families = {METRICS[name].measure: name for name in reversed(CORE)}
    for family, name in reversed(families.items()):
        say(f"{name} ...")
        seconds[f"{name}, with intervals"], _ = timed(lambda family=family: family(Sets(*features), 0, True))
    say("all ...")
    seconds["all"], _ = timed(lambda: evaluate_images(real, fake, extractor=extractor))
    seconds["all, without intervals"], _ = timed(lambda: evaluate_images(real, fake, extractor=extractor, intervals=()))
    return seconds


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Calls a function; returns (seconds, result)."""
    began = time.perf_counter()
    value = call()
    return time.perf_counter() - began, value


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Bench, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
