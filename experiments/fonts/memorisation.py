"""Memorisation control: does it lower copies of the shots, and what does it cost in distance?

    python experiments/fonts/memorisation.py                       # both questions; resumable
    python experiments/fonts/memorisation.py --parts digits --seeds 1
    python experiments/fonts/memorisation.py --quick               # a few steps of each

Fonts: the flow of the zoo is adapted to ten letters of a font of the validation part, and draws the 52 others, as in
`benchmark.py`. Digits: a small GAN of glyphs is adapted to five digits, which has no classes and so can repeat them.
Every method is trained for the same steps, with the controller and without. Writes rows.jsonl and table.md into --out.
"""

import dataclasses
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

from experiments.common.letters import LETTERS
from experiments.common.resumed import add_row, rows_by, trained
from genjax.config import AdaptConfig, ControlConfig, GanConfig, TrainConfig
from genjax.data import load
from genjax.data.fonts.drawing import CHARACTERS
from genjax.data.named_shots import rest_of, shots_named
from genjax.errors import InputError, lookup
from genjax.evaluate import evaluate_images, load_extractor
from genjax.evaluate.letter_records import Drawn, letter_records
from genjax.evaluate.metrics.letters import copies
from genjax.evaluate.run_data import training_images
from genjax.evaluate.sampling import sample_run
from genjax.store.metrics import read_metrics
from genjax.store.model import load_model
from genjax.store.run_folder import write_bytes
from genjax.terminal import result, say
from genjax.training.loop import adapt
from genjax.transfer.l2_sp import L2Sp
from genjax.transfer.transfer import Full
from genjax.zoo.cards import ZOO

DRAWN = 200  # images of a GAN that are compared
OFF = ControlConfig(ada_target=0.0, geco_tolerance=0.0)
TARGET = 0.05


class Method(NamedTuple):
    """A transfer with the options of the controllers."""

    transfer: Any
    control: ControlConfig = OFF


BY_RATE = dataclasses.replace(OFF, copies=TARGET, copies_every=10)
BY_PENALTY = dataclasses.replace(BY_RATE, copies_by="penalty")
METHODS = {
    "full": Method(Full()),
    "full, held by rate": Method(Full(), BY_RATE),
    "l2_sp": Method(L2Sp()),
    "l2_sp, held by penalty": Method(L2Sp(), BY_PENALTY),
}


@dataclass(frozen=True)
class Memorisation:
    """Adapts with memorisation control and without, for the same steps."""

    out: Path = Path("runs/memorisation")
    """Folder for rows, table and runs."""
    parts: tuple[str, ...] = ("digits", "fonts")
    """Questions: digits, fonts."""
    fonts: tuple[str, ...] = ("indie-flower", "anton")
    """Families of the validation part."""
    source: Path = ZOO / "fonts32-flow"
    """Run of a flow that was trained on fonts by class and style."""
    font_methods: tuple[str, ...] = ("full", "full, held by rate")
    """Methods of the fonts."""
    font_steps: int = 100
    """Steps of an adaptation to a font."""
    gan_steps: int = 2500
    """Steps of an adaptation to digits."""
    shots: int = 5
    """Digits that are adapted to."""
    source_steps: int = 600
    """Steps of the GAN's source."""
    seeds: int = 1
    """Seeds of the adaptations to digits; fonts have one."""
    quick: bool = False
    """A few steps of each, of one font."""


def main(settings: Memorisation) -> int:
    """Runs every cell that has no row yet, then writes the table; returns the exit code."""
    if settings.quick:
        few = {"font_steps": 3, "gan_steps": 4, "source_steps": 4}
        settings = dataclasses.replace(settings, fonts=settings.fonts[:1], seeds=1, **few)
    path = settings.out / "rows.jsonl"
    settings.out.mkdir(parents=True, exist_ok=True)
    for part in settings.parts:
        if not lookup(PARTS, part, "part")(settings, path):
            return 130
    table = markdown(list(rows_by("cell", path, settings).values()))
    write_bytes(settings.out / "table.md", table.encode())
    result(table)
    return 0


def of_digits(settings: Memorisation, path: Path) -> bool:
    """Adapts a small GAN of glyphs to few digits; False if a signal stopped it."""
    source = settings.out / "source"
    began = TrainConfig(
        data="glyphs",
        model=GanConfig(width=16, latent_size=32),
        size=16,
        batch=32,
        steps=settings.source_steps,
        save_every=settings.source_steps,
        sample_every=settings.source_steps,
        evaluate_every=0,
        control=OFF,
        out=source,
    )
    if not trained(began):
        return False
    about = {
        "source": source,
        "data": "digits",
        "shots": settings.shots,
        "batch": settings.shots,
        "steps": settings.gan_steps,
    }
    budget = {name: getattr(settings, name) for name in ("shots", "source_steps", "gan_steps")}
    for seed in range(settings.seeds):
        for name in METHODS:
            if not run(settings, path, f"digits/{name}/{seed}", name, {**about, "seed": seed}, budget, judged_digits):
                return False
    return True


def of_fonts(settings: Memorisation, path: Path) -> bool:
    """Adapts the flow of the zoo to ten letters of each font; False if a signal stopped it."""
    how = {"source": settings.source, "shots_of": LETTERS, "batch": 10, "steps": settings.font_steps}
    for font in settings.fonts:
        about = {**how, "data": f"fonts:{font}"}
        for name in settings.font_methods:
            cell = f"{font}/{name}/0"
            if not run(settings, path, cell, name, about, {"font_steps": settings.font_steps}, judged_letters):
                return False
    return True


PARTS = {"digits": of_digits, "fonts": of_fonts}


def run(
    settings: Memorisation,
    path: Path,
    cell: str,
    name: str,
    about: Mapping[str, Any],
    budget: Mapping[str, int],
    judged: Any,
) -> bool:
    """Adapts and judges a cell unless it has a row; False if a signal stopped it."""
    if cell in rows_by("cell", path, settings):
        return True
    method, out = lookup(METHODS, name, "method"), settings.out / "adapted"
    shutil.rmtree(out, ignore_errors=True)
    began, steps = time.process_time(), about["steps"]
    kept = {"save_every": steps, "sample_every": steps, "evaluate_every": 0, "log_every": 10}
    config = AdaptConfig(transfer=(method.transfer,), control=method.control, out=out, **about, **kept)
    outcome = adapt(config)
    if outcome.signal is not None:
        return False
    seconds, lines = time.process_time() - began, read_metrics(outcome.folder.metrics)
    knobs = [{key: value for key, value in line.items() if key.startswith("control/")} for line in lines]
    row = {
        "cell": cell,
        "method": name,
        "budget": budget,
        "cpu_seconds": round(seconds, 1),
        "values": judged(config, out),
        "end": knobs[-1] if knobs else {},
        "seen": [[line["step"], line["control/copies_seen"]] for line in lines if "control/copies_seen" in line],
    }
    add_row(path, row)
    say(f"{cell}: " + ", ".join(f"{key} {value:.3g}" for key, value in row["values"].items()))
    return True


def judged_digits(config: AdaptConfig, out: Path) -> dict[str, float]:
    """Measures distance to held-out digits and copies of the shots, of 200 samples."""
    drawn, shots = sample_run(out, DRAWN, seed=0), training_images(config, load_model(out).config).images[:]
    real = load("digits", size=16, split="test", channels=1).images[:]
    (kd,) = evaluate_images(real, drawn, extractor=load_extractor(), metrics=("kd",), intervals=())
    return {"distance": kd.value, "copies": float(copies(drawn, shots).mean())}


def judged_letters(config: AdaptConfig, out: Path) -> dict[str, float]:
    """Measures distance to the true letters and copies of the shots, of the 52 that are no shots."""
    whole = load(config.data, size=32, channels=1, split="all")
    truth, shots = rest_of(whole, LETTERS), shots_named(whole, LETTERS)
    asked = [CHARACTERS[label] for label in (() if truth.labels is None else truth.labels)]
    drawn = Drawn("", sample_run(out, len(asked), seed=0, asked=asked), "")
    metrics = ("distance", "legibility", "copies")
    records = letter_records(truth, shots, [drawn], metrics, data=config.data, split="all", seed=0)
    return {record.name.split(" of ")[0]: record.value for record in records}


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Formats every cell, in the order of the rows."""
    lines = [
        "Distance: of letters in grey levels of 255, of digits KD[embedded-v1] from 200 samples. Copies: share of"
        " samples that copy a shot. Seen: the share that the controller measured last. Knob: its last value.",
        "",
        "| cell | distance | read rightly | copies | seen | knob | CPU s |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        values, end = row["values"], row["end"]
        knob = next(
            (end[f"control/{name}"] for name in ("copies_rate", "transfer_weight") if f"control/{name}" in end), None
        )
        cells = (
            f"{values['distance']:.3g}",
            f"{values['legibility']:.2f}" if "legibility" in values else "",
            f"{values['copies']:.3f}",
            f"{end['control/copies_seen']:.2f}" if "control/copies_seen" in end else "",
            "" if knob is None else f"{knob:.3g}",
            f"{row['cpu_seconds']:.0f}",
        )
        lines.append(f"| {row['cell']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Memorisation, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
