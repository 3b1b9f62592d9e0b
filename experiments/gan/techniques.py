"""Techniques of the field on the DCGAN: does one of them draw better than the default after the same steps?

    python experiments/gan/techniques.py             # all ways, three seeds; resumable by trainings
    python experiments/gan/techniques.py --quick     # a few steps of three ways, to see that everything runs

Each way is the default (the non-saturating loss with R1) with one technique on, at the weight of its paper where it has
one; DRAGAN takes the place of R1. docs/techniques.md says what they are. Writes rows.jsonl and table.md into --out.
"""

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

from experiments.common.judging import COLUMNS, cells, judged
from experiments.common.resumed import add_row, rows_by, trained
from genjax.config import ControlConfig, GanConfig, TrainConfig
from genjax.errors import InputError
from genjax.store.run_folder import write_bytes
from genjax.terminal import result, say

WAYS = {
    "default": GanConfig(),
    "label smoothing": GanConfig(label_smoothing=0.1),
    "feature matching": GanConfig(feature_matching=0.1),
    "historical averaging": GanConfig(historical_averaging=0.1),
    "DRAGAN": GanConfig(dragan_weight=10.0, r1_weight=0.0),
    "CR": GanConfig(consistency_real=10.0),
    "bCR": GanConfig(consistency_real=10.0, consistency_fake=10.0),
    "zCR": GanConfig(latent_consistency_critic=5.0, latent_consistency_generator=0.5),
    "top-k": GanConfig(),  # its controller is in `config_of`
    "MixUp": GanConfig(mixup=0.2),
    "minibatch discrimination": GanConfig(batch_statistic="discrimination"),
    "no minibatch deviation": GanConfig(batch_statistic="none"),
}
QUICK = ("default", "bCR", "top-k")


@dataclass(frozen=True)
class Settings:
    """Trains the DCGAN with one technique at a time, and judges all alike."""

    out: Path = Path("runs/gan_techniques")
    """Folder for models, rows and table."""
    sets: tuple[str, ...] = ("digits",)
    """Sets of images."""
    ways: tuple[str, ...] = tuple(WAYS)
    """Names of techniques."""
    size: int = 16
    """Pixels of a side."""
    width: int = 64
    """Width of both networks; at 16 a training takes a fifth of the time."""
    steps: int = 1000
    """Steps of a training."""
    seeds: int = 3
    """Trainings of each way."""
    num: int = 1000
    """Samples, and held-out images at most, in the judgement."""
    quick: bool = False
    """A few steps of three ways and one seed."""


class Cell(NamedTuple):
    """One training."""

    data: str
    way: str
    seed: int

    @property
    def name(self) -> str:
        """Name by which its row is found again."""
        return f"{called(self.data)}/{self.way}/{self.seed}"


def called(data: str) -> str:
    """Returns the short name of a set."""
    return Path(data.partition(":")[2]).name if ":" in data else data


def main(settings: Settings) -> int:
    """Trains and judges what has no row yet, then writes the table; returns the exit code."""
    if settings.quick:
        settings = dataclasses.replace(settings, ways=QUICK, steps=4, seeds=1, num=100)
    path = settings.out / "rows.jsonl"
    done = rows_by("name", path, settings)
    for seed in range(settings.seeds):  # seed by seed, so that a stopped experiment is of use
        for cell in (Cell(data, way, seed) for data in settings.sets for way in settings.ways):
            if cell.name in done:
                continue
            say(f"\n{cell.name}")
            if not trained(config_of(settings, cell)):
                return 130
            done[cell.name] = row_of(settings, cell)
            add_row(path, done[cell.name])
    table = markdown(list(done.values()))
    write_bytes(settings.out / "table.md", table.encode())
    result(table)
    return 0


def config_of(settings: Settings, cell: Cell) -> TrainConfig:
    """Returns the config of a training; the share of top-k falls over its first half."""
    return TrainConfig(
        model=dataclasses.replace(WAYS[cell.way], width=settings.width),
        data=cell.data,
        size=settings.size,
        steps=settings.steps,
        sample_every=settings.steps,
        save_every=settings.steps,
        evaluate_every=0,  # the last model is judged
        seed=cell.seed,
        control=ControlConfig(top_k_steps=settings.steps // 2 if cell.way == "top-k" else 0),
        out=settings.out / cell.name.replace(" ", "-").replace("/", "-"),
    )


def row_of(settings: Settings, cell: Cell) -> dict[str, Any]:
    """Judges a training; returns its row."""
    run, name = config_of(settings, cell).out, called(cell.data)
    return {
        "name": cell.name,
        "budget": {name: getattr(settings, name) for name in ("size", "width", "steps", "num")},
        **judged(run, cell.data, size=settings.size, num=settings.num, seed=cell.seed, called=name),
    }


def markdown(rows: list[dict[str, Any]]) -> str:
    """Writes the table of the rows: means and half of their intervals over seeds."""
    budget, first = rows[0]["budget"], rows[0]["records"][0]
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        data, way, _ = row["name"].split("/")
        groups.setdefault((data, way), []).append(row)
    pixels = f"{budget['size']}x{budget['size']} pixels, width {budget['width']}"
    text = [
        f"{budget['steps']:,} steps of 64 images, {pixels}; {budget['num']:,} samples against as many held-out images"
        f" at most, features {first['extractor']}, genjax {first['version']}; means and 95 % intervals over"
        " seeds from 0 on. KD and FD: lower is better.",
        "",
        f"| set | way | seeds | {' | '.join(COLUMNS)} |",
        "|---|---|---|---|---|---|",
    ]
    for data, way in sorted(groups, key=lambda of: (of[0], tuple(WAYS).index(of[1]))):
        mine = groups[data, way]
        text.append(f"| {data} | {way} | {len(mine)} | {cells(mine)} |")
    return "\n".join([*text, ""])


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Settings, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
