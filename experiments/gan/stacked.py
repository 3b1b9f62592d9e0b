"""Stacked glyphs: how many of a thousand modes does a GAN draw? (as stacked MNIST, Metz et al. 2017, 1611.02163)

    python experiments/gan/stacked.py                # 2,000 steps of each way; resumable by trainings
    python experiments/gan/stacked.py --quick        # a few steps of two ways, to see that everything runs

Three typeset digits, one in each of the channels of an image, make a thousand modes, all as often. A classifier that
single digits have taught reads each channel of the samples. Counted are the modes that are drawn at least once, and the
divergence KL(drawn || uniform) in nats. Writes rows.jsonl and table.md into --out, and images.png: for each way a row
of samples of seed 0.
"""

import dataclasses
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

import numpy as np

from experiments.common.intervals import mean_interval
from experiments.common.resumed import add_row, rows_by, trained
from genjax import __version__
from genjax.config import ControlConfig, GanConfig, TrainConfig
from genjax.data import load
from genjax.errors import InputError
from genjax.evaluate import load_extractor
from genjax.evaluate.features.extractor import extract_features
from genjax.evaluate.metrics.by_class import taught_reader
from genjax.evaluate.sampling import sample_run
from genjax.report.draw.grid import image_grid, save_image
from genjax.store.run_folder import write_bytes
from genjax.terminal import result, say

SHOWN = 16  # images of a row
DIGITS, CHANNELS = 10, 3
MODES = DIGITS**CHANNELS
EXTRACTOR = "embedded-v1"
WAYS = {
    "default": GanConfig(),
    "without a batch statistic": GanConfig(batch_statistic="none"),
    "minibatch discrimination": GanConfig(batch_statistic="discrimination"),
    "relativistic, R1 and R2": GanConfig(loss="relativistic", r2_weight=1.0),
}


@dataclass(frozen=True)
class Settings:
    """Trains a GAN on stacked digits, and counts the modes that it draws."""

    out: Path = Path("runs/stacked")
    """Folder for images, models, rows, table and picture."""
    images: int = 20_000
    """Images that are stacked."""
    size: int = 16
    """Pixels of a side."""
    steps: int = 2000
    """Steps of a training."""
    seeds: int = 1
    """Trainings of each way."""
    num: int = 25_600
    """Samples that are read."""
    quick: bool = False
    """A few steps of two ways."""


class Cell(NamedTuple):
    """One training."""

    way: str
    seed: int

    @property
    def name(self) -> str:
        """Name by which its row is found again."""
        return f"{self.way}/{self.seed}"


def main(settings: Settings, ways: tuple[str, ...] = tuple(WAYS)) -> int:
    """Trains and reads what has no row yet, then writes table and picture; returns the exit code."""
    if settings.quick:
        settings = dataclasses.replace(settings, images=200, steps=4, seeds=1, num=200)
        ways = ("default", "relativistic, R1 and R2")
    path = settings.out / "rows.jsonl"
    done = rows_by("name", path, settings)
    settings.out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(settings.out / "stacked.npz", images=stacked(settings.images, settings.size))
    cells = [Cell(way, seed) for seed in range(settings.seeds) for way in ways]
    for cell in cells:
        if cell.name in done:
            continue
        say(f"\n{cell.name}")
        if not trained(config_of(settings, cell)):
            return 130
        done[cell.name] = row_of(settings, cell)
        add_row(path, done[cell.name])
    table = markdown([done[cell.name] for cell in cells])
    write_bytes(settings.out / "table.md", table.encode())
    rows = [sample_run(config_of(settings, Cell(way, 0)).out, SHOWN, seed=0) for way in ways]
    save_image(settings.out / "images.png", image_grid(np.concatenate(rows), columns=SHOWN))
    result(table)
    return 0


def stacked(number: int, size: int) -> np.ndarray:
    """Stacks digits that are drawn at random: uint8 (number, size, size, 3)."""
    glyphs = load("glyphs", size=size, channels=1, split="train").images[:][..., 0]
    drawn = np.random.default_rng(0).integers(0, len(glyphs), (number, CHANNELS))
    return np.moveaxis(glyphs[drawn], 1, -1)  # (number, 3, h, w) to (number, h, w, 3)


def reader_of(size: int) -> tuple[Callable[[np.ndarray], np.ndarray], float]:
    """Teaches a reader of grey digits, (n, h, w) -> (n,); returns it with the share of held-out ones it reads right."""
    extractor = load_extractor(EXTRACTOR)
    train, test = (load("glyphs", size=size, channels=1, split=split) for split in ("train", "test"))
    labels = [np.asarray(part.labels) for part in (train, test)]
    names = [str(train.class_names[label]) for label in labels[0]]
    reads = taught_reader(extract_features(extractor, train.images[:]), names)

    def read(images: np.ndarray) -> np.ndarray:
        return reads(extract_features(extractor, images[..., None])).astype(int)

    truth = np.array([int(test.class_names[label]) for label in labels[1]])
    return read, float((read(test.images[:][..., 0]) == truth).mean())


def counted(modes: np.ndarray) -> tuple[int, float]:
    """Counts modes (n,) that occur, and computes KL(drawn || uniform) of their frequencies in nats."""
    shares = np.bincount(modes, minlength=MODES) / len(modes)
    some = shares[shares > 0]
    return len(some), float((some * np.log(some * MODES)).sum())


def config_of(settings: Settings, cell: Cell) -> TrainConfig:
    """Returns the config of a training; the relativistic one follows R3GAN's recipe over its course."""
    steps = settings.steps if cell.way.startswith("relativistic") else 0
    return TrainConfig(
        model=WAYS[cell.way],
        data=f"npz:{settings.out / 'stacked.npz'}",
        size=settings.size,
        channels=CHANNELS,
        steps=settings.steps,
        sample_every=settings.steps,
        save_every=settings.steps,
        evaluate_every=0,
        seed=cell.seed,
        control=ControlConfig(recipe_steps=steps),
        out=settings.out / cell.name.replace(", ", "-").replace(" ", "-").replace("/", "-"),
    )


def row_of(settings: Settings, cell: Cell) -> dict[str, Any]:
    """Reads the samples of a training; returns its row."""
    read, right = reader_of(settings.size)
    images = sample_run(config_of(settings, cell).out, settings.num, seed=cell.seed)
    digits = [read(images[..., channel]) for channel in range(CHANNELS)]
    modes, divergence = counted(digits[0] * DIGITS**2 + digits[1] * DIGITS + digits[2])
    return {
        "name": cell.name,
        "budget": {name: getattr(settings, name) for name in ("images", "size", "steps", "num")},
        "modes": modes,
        "kl": divergence,
        "reader": right,
        "version": __version__,
    }


def markdown(rows: list[dict[str, Any]]) -> str:
    """Writes the table of the rows: means, and half of their intervals over seeds."""
    budget, groups = rows[0]["budget"], {}
    for row in rows:
        groups.setdefault(row["name"].rpartition("/")[0], []).append(row)
    text = [
        f"{budget['steps']:,} steps of 64 of {budget['images']:,} images, {budget['size']}x{budget['size']} pixels;"
        f" {budget['num']:,} samples; each digit read by a ridge classifier of features {EXTRACTOR}, right of"
        f" {rows[0]['reader']:.3f} of those held out; genjax {rows[0]['version']}; means, and 95 % intervals over"
        " several seeds from 0 on. KL in nats, lower is better.",
        "",
        f"| DCGAN | seeds | modes of {MODES:,} | KL |",
        "|---|---|---|---|",
    ]
    for way, mine in groups.items():
        modes, kl = (over_seeds([row[name] for row in mine], digits) for name, digits in (("modes", 0), ("kl", 3)))
        text.append(f"| {way} | {len(mine)} | {modes} | {kl} |")
    return "\n".join([*text, ""])


def over_seeds(values: list[float], digits: int) -> str:
    """Writes a mean, and half its interval where there are several values."""
    mean, half = mean_interval(values)
    return f"{mean:.{digits}f}" + ("" if np.isnan(half) else f" ± {half:.{digits}f}")


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Settings, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
