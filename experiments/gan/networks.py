"""Networks of a GAN after the same time: which draws best?

    python experiments/gan/networks.py               # 4 minutes of the processor each, two sets, resumable by models
    python experiments/gan/networks.py --quick       # seconds of two networks, to see that everything runs

Each network is trained on each set for the same time of the processor, compilation and saving included, and judged
against held-out images. All have the default's loss and rates but R3GAN, whose network is made for relativistic pairing
with R1 and R2; widths are what two cores can train. Fashion-MNIST is read from a folder of its four idx files. Writes
rows.jsonl and table.md into --out, and images.png: for each set, and in it for each network, a row of seed 0's samples.
"""

import dataclasses
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

import jax
import numpy as np

from experiments.common.judging import COLUMNS, cells, judged
from experiments.common.resumed import add_row, rows_by
from experiments.common.timed import ENDLESS, trained_for
from genjax.config import GanConfig, TrainConfig
from genjax.errors import InputError
from genjax.evaluate.sampling import sample_run
from genjax.report.draw.grid import image_grid, save_image
from genjax.store.model import load_model
from genjax.store.run_folder import write_bytes
from genjax.terminal import result, say

SHOWN = 16  # images of a row
NETWORKS = {
    "dcgan": GanConfig(),
    "resnet": GanConfig(network="resnet", width=32),
    "biggan": GanConfig(network="biggan", width=32),
    "stylegan2": GanConfig(network="stylegan2", width=32),
    "r3gan": GanConfig(network="r3gan", width=16, loss="relativistic", r2_weight=1.0),
}


@dataclass(frozen=True)
class Settings:
    """Trains the networks of a GAN for the same time, and judges them alike."""

    out: Path = Path("runs/gan_networks")
    """Folder for models, rows, table and picture."""
    sets: tuple[str, ...] = ("digits", "idx:/usr/share/datasets/fashion-mnist")
    """Sets of images."""
    size: int = 16
    """Pixels of a side."""
    cpu_minutes: float = 4.0
    """Minutes of the processor for each training: 4 are 2 minutes of two cores."""
    seeds: int = 1
    """Trainings of each network."""
    num: int = 1000
    """Samples, and held-out images at most, in the judgement."""
    quick: bool = False
    """Some seconds of two networks, one set and one seed."""


class Cell(NamedTuple):
    """One training."""

    data: str
    network: str
    seed: int

    @property
    def name(self) -> str:
        """Name by which its row is found again."""
        return f"{called(self.data)}/{self.network}/{self.seed}"


def called(data: str) -> str:
    """Returns the short name of a set."""
    return Path(data.partition(":")[2]).name if ":" in data else data


def main(settings: Settings, networks: tuple[str, ...] = tuple(NETWORKS)) -> int:
    """Trains and judges what has no row yet, then writes table and picture; returns the exit code."""
    if settings.quick:
        settings = dataclasses.replace(settings, sets=("digits",), cpu_minutes=0.25, seeds=1, num=100)
        networks = ("dcgan", "resnet")
    path = settings.out / "rows.jsonl"
    done = rows_by("name", path, settings)
    jax.config.update("jax_enable_compilation_cache", False)  # each pays for its own
    trainings = [
        Cell(data, network, seed)
        for seed in range(settings.seeds)  # seed by seed, so that a stopped experiment is of use
        for data in settings.sets
        for network in networks
    ]
    for cell in trainings:
        if cell.name in done:
            continue
        say(f"\n{cell.name}")
        config = config_of(settings, cell)
        shutil.rmtree(config.out, ignore_errors=True)
        if not trained_for(config, 60 * settings.cpu_minutes):
            return 130
        done[cell.name] = row_of(settings, cell)
        add_row(path, done[cell.name])
    table = markdown([done[cell.name] for cell in trainings])
    write_bytes(settings.out / "table.md", table.encode())
    first = [cell for cell in trainings if cell.seed == 0]
    rows = [sample_run(config_of(settings, cell).out, SHOWN, seed=0) for cell in first]
    save_image(settings.out / "images.png", image_grid(np.concatenate(rows), columns=SHOWN))
    result(table)
    return 0


def config_of(settings: Settings, cell: Cell) -> TrainConfig:
    """Returns the config of a training that does not end by itself."""
    return TrainConfig(
        model=NETWORKS[cell.network],
        data=cell.data,
        size=settings.size,
        channels=1,
        steps=ENDLESS,
        sample_every=ENDLESS,
        evaluate_every=0,  # the last model is judged: choosing one costs time
        seed=cell.seed,
        out=settings.out / cell.name.replace("/", "-"),
    )


def row_of(settings: Settings, cell: Cell) -> dict[str, Any]:
    """Judges a training; returns its row."""
    run, name = config_of(settings, cell).out, called(cell.data)
    return {
        "name": cell.name,
        "budget": {name: getattr(settings, name) for name in ("size", "cpu_minutes", "num")},
        "width": NETWORKS[cell.network].width,
        "steps": load_model(run).step,
        **judged(run, cell.data, size=settings.size, channels=1, num=settings.num, seed=cell.seed, called=name),
    }


def markdown(rows: list[dict[str, Any]]) -> str:
    """Writes the table of the rows: means, and half of their intervals over seeds."""
    budget, first = rows[0]["budget"], rows[0]["records"][0]
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        data, network, _ = row["name"].split("/")
        groups.setdefault((data, network), []).append(row)
    text = [
        f"{budget['cpu_minutes']:g} minutes of the processor each, {budget['size']}x{budget['size']} grey pixels,"
        f" batches of 64; {budget['num']:,} samples against as many held-out images at most, features"
        f" {first['extractor']}, genjax {first['version']}; means, and 95 % intervals over several seeds from 0 on. KD"
        " and FD: lower is better.",
        "",
        f"| set | network | width | steps | seeds | {' | '.join(COLUMNS)} |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (data, network), mine in groups.items():
        steps = round(sum(row["steps"] for row in mine) / len(mine))
        text.append(f"| {data} | {network} | {mine[0]['width']} | {steps:,} | {len(mine)} | {cells(mine)} |")
    return "\n".join([*text, ""])


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Settings, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
