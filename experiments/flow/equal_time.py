"""Equal time: which family draws best after the same time of training?

    python experiments/flow/equal_time.py                    # 20 minutes of two cores each; resumable by models
    python experiments/flow/equal_time.py --quick            # seconds of two, to see that everything runs

A GAN, a VAE and a flow, and a flow of classes, are trained on each set for the same time of the processor, compilation
and saving included, and then judged against held-out images: kernel distance, Frechet distance, coverage. Time of the
processor and not of a clock, so that what else runs on the machine takes nothing from anybody. The GAN and the VAE are
those of `genjax train`, the flow is a transformer as large as two cores can train in that time. Writes equal_time.jsonl
and equal_time.md into --out, and images.png: for each set, and in it for each family, a row of samples of seed 0.
"""

import dataclasses
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

import jax
import numpy as np

from experiments.common.judging import COLUMNS, cells, judged
from experiments.common.resumed import add_row, rows_by
from experiments.common.timed import ENDLESS, trained_for
from genjax.config import TrainConfig
from genjax.errors import InputError
from genjax.evaluate.sampling import sample_run
from genjax.families.flow.options import DitConfig, FlowConfig
from genjax.report.draw.grid import image_grid, save_image
from genjax.store.model import load_model
from genjax.store.run_folder import write_bytes
from genjax.terminal import result, say

SHOWN = 16  # images of a row
Kind = Literal["gan", "vae", "flow", "flow by class"]


@dataclass(frozen=True)
class Settings:
    """Trains families for the same time, and judges them alike."""

    out: Path = Path("runs/equal_time")
    """Folder for models, rows, table and picture."""
    sets: tuple[str, ...] = ("digits", "glyphs")
    """Sets of images."""
    size: int = 16
    """Pixels of a side."""
    channels: Literal[1, 3] = 1
    """1 grey, 3 colour."""
    kinds: tuple[Kind, ...] = ("gan", "vae", "flow", "flow by class")
    """Models: of a family, without a condition or by class."""
    cpu_minutes: float = 40.0
    """Minutes of the processor for each training: 40 are 20 minutes of two cores."""
    width: int = 96
    """Width of the flow's network, of 4 blocks and patches of 4 pixels."""
    seeds: int = 3
    """Trainings of each kind."""
    num: int = 1000
    """Samples, and held-out images at most, in the judgement."""
    quick: bool = False
    """Some seconds of two kinds, one set and one seed."""


class Training(NamedTuple):
    """One training."""

    data: str
    kind: Kind
    seed: int

    @property
    def name(self) -> str:
        """Name by which its row is found again."""
        return f"{self.data}/{self.kind}/{self.seed}"


def trainings(settings: Settings) -> Iterator[Training]:
    """Yields all trainings, seed by seed, so that a stopped experiment is of use."""
    for seed in range(settings.seeds):
        for data in settings.sets:
            for kind in settings.kinds:
                yield Training(data, kind, seed)


def main(settings: Settings) -> int:
    """Trains and judges what has no row yet, then writes table and picture; returns the exit code."""
    if settings.quick:
        tiny = {"sets": ("digits",), "kinds": ("vae", "flow by class"), "cpu_minutes": 0.25}
        tiny |= {"width": 16, "seeds": 1, "num": 100}
        settings = dataclasses.replace(settings, **tiny)
    rows = settings.out / "equal_time.jsonl"
    done = rows_by("name", rows, settings)
    jax.config.update("jax_enable_compilation_cache", False)  # each pays for its own
    for one in trainings(settings):
        if one.name in done:
            continue
        say(f"\n{one.name}")
        config = config_of(settings, one)
        shutil.rmtree(config.out, ignore_errors=True)
        if not trained_for(config, 60 * settings.cpu_minutes):
            return 130
        done[one.name] = row_of(settings, one, Path(config.out))
        add_row(rows, done[one.name])
    ordered = [done[one.name] for one in trainings(settings)]
    write_bytes(settings.out / "equal_time.md", markdown(settings, ordered).encode())
    save_image(settings.out / "images.png", pictures(settings))
    result(str(settings.out / "equal_time.md"))
    return 0


def config_of(settings: Settings, one: Training) -> TrainConfig:
    """Returns the config of a training that does not end by itself."""
    flow = FlowConfig(dit=DitConfig(width=settings.width, depth=4))
    return TrainConfig(
        model=flow if one.kind.startswith("flow") else one.kind,
        condition="class" if one.kind.endswith("class") else "none",
        data=one.data,
        size=settings.size,
        channels=settings.channels,
        steps=ENDLESS,
        sample_every=ENDLESS,
        evaluate_every=0,  # the last model is judged: choosing one costs time
        seed=one.seed,
        out=settings.out / one.name.replace(" ", "-").replace("/", "-"),
    )


def row_of(settings: Settings, one: Training, run: Path) -> dict[str, Any]:
    """Judges a training; returns its row."""
    judgement = judged(run, one.data, size=settings.size, channels=settings.channels, num=settings.num, seed=one.seed)
    return {
        "name": one.name,
        **one._asdict(),
        "budget": {name: getattr(settings, name) for name in ("size", "channels", "cpu_minutes", "width", "num")},
        "steps": load_model(run).step,
        **judgement,
    }


def markdown(settings: Settings, rows: list[dict[str, Any]]) -> str:
    """Writes the table."""
    first = rows[0]["records"][0]
    text = [
        "# Equal time",
        "",
        f"{settings.cpu_minutes:g} minutes of the processor each, {settings.size}x{settings.size} pixels;"
        f" {first['n_fake']:,} samples against held-out images, features {first['extractor']}, genjax"
        f" {first['version']}. Means and 95 % intervals over seeds 0 to {settings.seeds - 1}."
        " KD and FD: lower is better.",
        "",
        f"| set | model | steps | {' | '.join(COLUMNS)} |",
        "|---|---|---|---|---|---|",
    ]
    for data in settings.sets:
        for kind in settings.kinds:
            mine = [row for row in rows if (row["data"], row["kind"]) == (data, kind)]
            steps = round(sum(row["steps"] for row in mine) / len(mine))
            text.append(f"| {data} | {kind} | {steps:,} | {cells(mine)} |")
    return "\n".join([*text, ""])


def pictures(settings: Settings) -> np.ndarray:
    """Draws a row for each set and kind: uint8 (h, w, c)."""
    rows = [
        sample_run(Path(config_of(settings, Training(data, kind, 0)).out), SHOWN, seed=0)
        for data in settings.sets
        for kind in settings.kinds
    ]
    return image_grid(np.concatenate(rows), columns=SHOWN)


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Settings, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
