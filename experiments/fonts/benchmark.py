"""Ten letters of a font that no model has seen: which method draws the others nearest to the truth?

    python experiments/fonts/benchmark.py                                 # all test fonts; resumable
    python experiments/fonts/benchmark.py --source RUN --fonts caveat --methods embedding
    python experiments/fonts/benchmark.py --quick     # a few steps of one font

The source draws characters by class, each in a style of its own for every face that it was trained on. (see
experiments/fonts/train_source.py) A method adapts it to ten characters of one face, and draws the 52 others; what they
are in truth is known. Beside every method stand the source as it is, and retrieval: the training font that draws the
ten letters most alike. Writes rows.jsonl (a row a font, method and seed), table.md and a picture a font into --out.
"""

import dataclasses
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

import numpy as np
from scipy.special import stdtrit

from experiments.common.letters import LETTERS
from experiments.common.resumed import add_row, rows_by
from genjax.config import AdaptConfig
from genjax.data import Dataset, load
from genjax.data.fonts.drawing import CHARACTERS
from genjax.data.fonts.families import FAMILIES
from genjax.data.named_shots import rest_of, shots_named
from genjax.errors import InputError, lookup
from genjax.evaluate.letter_records import Drawn, letter_records, retrieved
from genjax.evaluate.sampling import sample_run
from genjax.families.flow.options import FlowDrawing
from genjax.report.draw.grid import image_grid, save_image
from genjax.store.model import load_model
from genjax.store.run_config import run_config
from genjax.store.run_folder import RunFolder, is_run, write_bytes
from genjax.terminal import result, say
from genjax.training.loop import adapt
from genjax.transfer.embedding import Embedding
from genjax.transfer.lora import Lora
from genjax.transfer.replay import Replay
from genjax.transfer.transfer import Full
from genjax.zoo.cards import ZOO

METRICS = ("distance", "legibility", "style_rank", "copies")
BASELINES = ("truth", "source", "retrieval")  # the truth is no method: it says what the reader can read


class Method(NamedTuple):
    """A way to adapt the source and to draw from it.

    Attributes:
        transfer: options of the transfers.
        steps: updates.
        rate: factor on the source's learning rate.
        guidance: away from the source, in drawing; 1 is none.
    """

    transfer: tuple[Any, ...]
    steps: int = 400
    rate: float = 0.25
    guidance: float = 1.0


ROW, MODULATION = Embedding(train=()), Embedding()
PRIOR = Replay(prior=True, count=248, batch=20)
METHODS = {
    "full": Method((Full(),)),
    "embedding": Method((ROW,), rate=5.0),
    "modulation": Method((MODULATION,), rate=0.5),
    "modulation guided": Method((MODULATION,), rate=0.5, guidance=1.5),
    "lora": Method((Embedding(train=("block_*/*kernel",)), Lora(rank=8)), rate=0.5),
    "prior": Method((PRIOR,), steps=300),
    "modulation prior": Method((PRIOR, MODULATION), steps=300, rate=0.5),
}


@dataclass(frozen=True)
class Fonts:
    """Adapts a source to ten letters of each font, and compares all others with the true ones."""

    source: Path = ZOO / "fonts32-flow"
    """Run of a flow that was trained on fonts by class and style."""
    out: Path = Path("runs/fonts")
    """Folder for rows, table and pictures."""
    part: str = "test"
    """Families: test, or validation to choose methods by."""
    fonts: tuple[str, ...] = ()
    """Some of them; all without."""
    methods: tuple[str, ...] = tuple(METHODS)
    """Methods, by name."""
    shots: str = LETTERS
    """Characters that are adapted to."""
    seeds: int = 1
    """Adaptations of each font."""
    batch: int = 10
    """Images in a batch."""
    only_table: bool = False
    """Compute nothing: write the table from the existing rows."""
    quick: bool = False
    """One font and one method for a few steps, without retrieval, which needs all fonts."""


def main(settings: Fonts) -> int:
    """Runs every font and method that has no row yet, then writes the table; returns the exit code."""
    if settings.quick:
        settings = dataclasses.replace(settings, fonts=("caveat",), methods=("embedding",))
    for name in settings.methods:
        lookup(METHODS, name, "method")
    path = settings.out / "rows.jsonl"
    settings.out.mkdir(parents=True, exist_ok=True)
    fonts = settings.fonts or FAMILIES[settings.part]
    for seed in range(0 if settings.only_table else settings.seeds):
        for font in fonts:
            if not run_font(settings, font, seed, path):
                return 130
    table = markdown(list(rows_by("cell", path, settings).values()))
    write_bytes(settings.out / "table.md", table.encode())
    result(table)
    return 0


def run_font(settings: Fonts, font: str, seed: int, path: Path) -> bool:
    """Runs the methods that have no row of this font and seed; False if a signal stopped one."""
    done = rows_by("cell", path, settings)
    beside = BASELINES[:2] if settings.quick else BASELINES
    missing = [name for name in (*beside, *settings.methods) if cell(font, name, seed) not in done]
    if not missing:
        return True
    whole = load(f"fonts:{font}", size=32, channels=1, split="all")
    truth, shots = rest_of(whole, settings.shots), shots_named(whole, settings.shots)
    rows, asked = [("the shots", shots.images[:]), ("the truth", truth.images[:])], classes(truth)
    for name in missing:
        began, cpu = time.monotonic(), time.process_time()
        drawn = drawn_by(settings, font, name, seed, truth, shots, asked)
        if drawn is None:
            return False
        about = {"data": f"fonts:{font}", "split": "all", "seed": seed}
        measured = [name for name in METRICS if name != "style_rank" or not settings.quick]  # the rank needs all fonts
        records = letter_records(truth, shots, [drawn], measured, **about)
        row = {
            "cell": cell(font, name, seed),
            "font": font,
            "method": name,
            "seed": seed,
            "budget": {"shots": settings.shots, "batch": settings.batch},
            "seconds": round(time.monotonic() - began, 1),
            "cpu_seconds": round(time.process_time() - cpu, 1),
            "values": {record.name.split(" of ")[0]: record.value for record in records},
            "how": drawn.how,
            "records": [record.to_json() for record in records],
        }
        add_row(path, row)
        say(f"{row['cell']}: " + ", ".join(f"{name} {value:.3g}" for name, value in row["values"].items()))
        rows.append((name, drawn.images))
    save_image(settings.out / f"{font}-{seed}.png", picture(rows), scale=2)
    return True


def drawn_by(
    settings: Fonts, font: str, name: str, seed: int, truth: Dataset, shots: Dataset, asked: Sequence[str]
) -> Drawn | None:
    """Draws the unseen characters by a baseline or a method; None if a signal stopped it."""
    if name == "truth":
        return Drawn("of the truth", truth.images[:], "")
    if name == "retrieval":
        return retrieved(truth, shots)
    if name == "source":
        return Drawn("of the source", sample_run(settings.source, len(asked), seed=seed, asked=asked), "")
    method, out = METHODS[name], settings.out / "adapted"
    guided = {} if method.guidance == 1 else {"guide": "source", "drawing": FlowDrawing(guidance=method.guidance)}
    if adapted(settings, font, method, seed, out):
        return Drawn("", sample_run(out, len(asked), seed=seed, asked=asked, **guided), name)
    return None


def adapted(settings: Fonts, font: str, method: Method, seed: int, out: Path) -> bool:
    """Adapts the source, unless the method before differs in its drawing alone; False if a signal stopped it."""
    steps = 3 if settings.quick else method.steps
    wanted = (f"fonts:{font}", settings.shots, method.transfer, steps, method.rate, seed)
    if is_run(RunFolder(out)):
        config = run_config(RunFolder(out))
        had = isinstance(config, AdaptConfig) and (
            *(config.data, config.shots_of, config.transfer, config.steps, config.learning_rate_scale, config.seed),
        )
        if had == wanted and load_model(out).step == steps:
            return True
    shutil.rmtree(out, ignore_errors=True)
    outcome = adapt(
        AdaptConfig(
            source=settings.source,
            data=f"fonts:{font}",
            shots_of=settings.shots,
            transfer=method.transfer,
            batch=settings.batch,
            steps=steps,
            learning_rate_scale=method.rate,
            sample_every=steps,
            save_every=steps,
            evaluate_every=0,
            seed=seed,
            out=out,
        )
    )
    return outcome.signal is None


def cell(font: str, method: str, seed: int) -> str:
    """Returns the name by which a row is found again."""
    return f"{font}/{method}/{seed}"


def classes(images: Dataset) -> list[str]:
    """Returns the character of each image."""
    return [] if images.labels is None else [CHARACTERS[label] for label in images.labels]


def picture(rows: Sequence[tuple[str, np.ndarray]]) -> np.ndarray:
    """Draws a line of characters for each of the rows."""
    width = max(len(images) for _, images in rows)
    lines = [
        np.concatenate([images, np.zeros((width - len(images), *images.shape[1:]), np.uint8)]) for _, images in rows
    ]
    return image_grid(np.concatenate(lines), columns=width)


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Formats means over fonts, in how many of them a method is nearer than the baselines, and every font."""
    methods, fonts = (list(dict.fromkeys(row[name] for row in rows)) for name in ("method", "font"))
    values = {(row["method"], row["font"], row["seed"]): row["values"] for row in rows}
    lines = [
        "Means over fonts with 95 % intervals (Student's t). Distance: of 255 grey levels, lower is better.",
        "Legible: read rightly by letters-v1, and as a share of what it reads of the true letters of the same font.",
        "",
        "| method | fonts | distance | legible | of the true | style rank 1 | copies | nearer than source"
        " | than retrieval | CPU s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for method in methods:
        own = [row for row in rows if row["method"] == method]
        keys = [(row["font"], row["seed"]) for row in own]
        distance, legible, rank, copied = (
            np.array([row["values"].get(name, np.nan) for row in own]) for name in METRICS
        )
        true = np.array([values["truth", *key]["legibility"] for key in keys if ("truth", *key) in values])
        share = f"{(legible / true).mean():.2f}" if len(true) == len(own) else ""
        nearer = [
            sum(values[method, *key]["distance"] < values[base, *key]["distance"] for key in keys)
            if all((base, *key) in values for key in keys)
            else ""
            for base in ("source", "retrieval")
        ]
        cpu = np.mean([row["cpu_seconds"] for row in own])
        lines.append(
            f"| {method} | {len(own)} | {interval(distance)} | {legible.mean():.3f} | {share} |"
            f" {np.sum(rank == 1)} | {copied.mean():.3f} | {nearer[0]} | {nearer[1]} | {cpu:.0f} |"
        )
    lines += [
        "",
        "Distance (legible) of each font:",
        "",
        f"| font | {' | '.join(methods)} |",
        "|---" * (len(methods) + 1) + "|",
    ]
    for font in fonts:
        found = [[row["values"] for row in rows if (row["method"], row["font"]) == (one, font)] for one in methods]
        cells = [
            f"{np.mean([v['distance'] for v in one]):.1f} ({np.mean([v['legibility'] for v in one]):.2f})"
            if one
            else ""
            for one in found
        ]
        lines.append(f"| {font} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def interval(numbers: np.ndarray) -> str:
    """Formats a mean with its 95 % interval; the mean alone of fewer than two."""
    if len(numbers) < 2:
        return f"{numbers.mean():.1f}"
    half = stdtrit(len(numbers) - 1, 0.975) * numbers.std(ddof=1) / np.sqrt(len(numbers))
    return f"{numbers.mean():.1f} ± {half:.1f}"


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Fonts, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
