"""The recipe of R3GAN on the DCGAN: does it draw better than today's default after the same steps?

    python experiments/gan/recipe.py                 # three ways, three sets, three seeds; resumable by trainings
    python experiments/gan/recipe.py --quick         # a few steps of each way on digits, to see that everything runs

The default is the non-saturating loss with R1; the recipe is relativistic pairing with R1 and R2 and the course of five
knobs over the run (Huang et al. 2024), once with the default's weight of R1 and once with a tenth of it. All else is
alike. Fashion-MNIST is read from a folder of its four idx files. Writes rows.jsonl and table.md into --out, and
images.png: for each set, and in it for each way, a row of samples of seed 0.
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

import numpy as np

from experiments.common.judging import COLUMNS, cells, judged
from experiments.common.resumed import add_row, rows_by, trained
from genjax.config import ControlConfig, GanConfig, TrainConfig
from genjax.errors import InputError
from genjax.evaluate.sampling import sample_run
from genjax.report.draw.grid import image_grid, save_image
from genjax.store.run_folder import write_bytes
from genjax.terminal import result, say

SHOWN = 16  # images of a row
WAYS = {
    "default": GanConfig(),
    "recipe": GanConfig(loss="relativistic", r2_weight=1.0),
    "recipe, a tenth of the penalty": GanConfig(loss="relativistic", r1_weight=0.1, r2_weight=0.1),
}


@dataclass(frozen=True)
class Settings:
    """Trains the DCGAN by the default and by the recipe, and judges both alike."""

    out: Path = Path("runs/gan_recipe")
    """Folder for models, rows, table and picture."""
    sets: tuple[str, ...] = ("digits", "emoji", "idx:/usr/share/datasets/fashion-mnist")
    """Sets of images."""
    size: int = 16
    """Pixels of a side."""
    steps: int = 1000
    """Steps of a training."""
    seeds: int = 3
    """Trainings of each way."""
    num: int = 1000
    """Samples, and held-out images at most, in the judgement."""
    quick: bool = False
    """A few steps of one set and one seed."""


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
    """Trains and judges what has no row yet, then writes table and picture; returns the exit code."""
    if settings.quick:
        settings = dataclasses.replace(settings, sets=("digits",), steps=4, seeds=1, num=100)
    path = settings.out / "rows.jsonl"
    done = rows_by("name", path, settings)
    for seed in range(settings.seeds):  # seed by seed, so that a stopped experiment is of use
        for cell in (Cell(data, way, seed) for data in settings.sets for way in WAYS):
            if cell.name in done:
                continue
            say(f"\n{cell.name}")
            if not trained(config_of(settings, cell)):
                return 130
            done[cell.name] = row_of(settings, cell)
            add_row(path, done[cell.name])
    table = markdown(list(done.values()))
    write_bytes(settings.out / "table.md", table.encode())
    save_image(settings.out / "images.png", pictures(settings))
    result(table)
    return 0


def config_of(settings: Settings, cell: Cell) -> TrainConfig:
    """Returns the config of a training; the recipe's course is as long as that."""
    steps = 0 if cell.way == "default" else settings.steps
    return TrainConfig(
        model=WAYS[cell.way],
        data=cell.data,
        size=settings.size,
        steps=settings.steps,
        sample_every=settings.steps,
        save_every=settings.steps,
        evaluate_every=0,  # the last model is judged
        seed=cell.seed,
        control=ControlConfig(recipe_steps=steps),
        out=settings.out / cell.name.replace(", ", "-").replace(" ", "-").replace("/", "-"),
    )


def row_of(settings: Settings, cell: Cell) -> dict[str, Any]:
    """Judges a training; returns its row."""
    run, name = config_of(settings, cell).out, called(cell.data)
    return {
        "name": cell.name,
        "budget": {name: getattr(settings, name) for name in ("size", "steps", "num")},
        **judged(run, cell.data, size=settings.size, num=settings.num, seed=cell.seed, called=name),
    }


def markdown(rows: list[dict[str, Any]]) -> str:
    """Writes the table of the rows: means and half of their intervals over seeds."""
    budget, first = rows[0]["budget"], rows[0]["records"][0]
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        data, way, _ = row["name"].split("/")
        groups.setdefault((data, way), []).append(row)
    seeds = sorted({len(mine) for mine in groups.values()})
    text = [
        f"{budget['steps']:,} steps of 64 images, {budget['size']}x{budget['size']} pixels; {budget['num']:,} samples"
        f" against as many held-out images at most, features {first['extractor']}, genjax {first['version']}; means and"
        f" 95 % intervals over {' or '.join(map(str, seeds))} seeds from 0 on. KD and FD: lower is better.",
        "",
        f"| set | way | seeds | {' | '.join(COLUMNS)} |",
        "|---|---|---|---|---|---|",
    ]
    for data, way in sorted(groups, key=lambda of: (of[0], tuple(WAYS).index(of[1]))):
        mine = groups[data, way]
        text.append(f"| {data} | {way} | {len(mine)} | {cells(mine)} |")
    return "\n".join([*text, ""])


def pictures(settings: Settings) -> np.ndarray:
    """Draws a row for each set and way, in colour where a set has some: uint8 (h, w, c)."""
    rows = []
    for data in settings.sets:
        for way in WAYS:
            images = sample_run(config_of(settings, Cell(data, way, 0)).out, SHOWN, seed=0)
            rows.append(np.broadcast_to(images, (*images.shape[:3], 3)))
    return image_grid(np.concatenate(rows), columns=SHOWN)


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Settings, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
