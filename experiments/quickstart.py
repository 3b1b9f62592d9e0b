"""Quickstart: pretrain on real digits, adapt to ten typeset ones, evaluate before and after; a GAN and a VAE.

    python experiments/quickstart.py            # the demo: 145 s on two free CPU cores, under 1.1 GiB of memory
    python experiments/quickstart.py --quick    # the same in a few steps, to see that everything runs

Stop it at any time; started again it goes on. Writes quickstart.png and summary.json into --out.

Measured on 2026-11-26 with seed 0: KD[embedded-v1] against held-out glyphs falls from 3.73 to 0.79 (GAN) and from 3.69
to 2.10 (VAE). Other seeds are in README.md.
"""

import dataclasses
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import tyro

from genjax.devices import backend

backend.prepare()  # before jax is imported

from genjax.config import AdaptConfig, TrainConfig
from genjax.data import Dataset, few_shot, load
from genjax.errors import InputError
from genjax.evaluate import CORE, Record
from genjax.evaluate.run import evaluate_run
from genjax.evaluate.sampling import sample_run
from genjax.report.draw.figure import Row, save_figure
from genjax.store.run_folder import RunFolder, is_run, write_json
from genjax.terminal import result, say, table
from genjax.training.loop import adapt, train

FAMILIES = {"gan": "GAN", "vae": "VAE"}
TRANSFERS = {"gan": "freeze", "vae": "full"}  # of those tried on ten shots, see the README


@dataclass(frozen=True)
class Quickstart:
    """Pretrains on digits, adapts to ten glyphs, evaluates; with a GAN and with a VAE."""

    out: Path = Path("runs/quickstart")
    """Folder for the four runs, the picture and the summary."""
    seed: int = 0
    """Seed of everything random."""
    steps: int = 1800
    """Steps of each pretraining."""
    adapt_steps: int = 600
    """Steps of each adaptation."""
    shots: int = 10
    """Glyphs to adapt to."""
    quick: bool = False
    """A few steps of everything, to see that it runs."""
    force: bool = False
    """Start again instead of resuming."""


def main(settings: Quickstart) -> int:
    """Runs everything; returns the exit code."""
    if settings.quick:
        settings = dataclasses.replace(settings, steps=20, adapt_steps=10)
    began = time.monotonic()
    summary, rows = {}, []
    for family, title in FAMILIES.items():
        source, adapted = settings.out / family / "source", settings.out / family / "adapted"
        if not pretrain(settings, family, source) or not adapt_to_shots(settings, family, source, adapted):
            return 130
        summary[family] = {
            when: [record.to_json() for record in evaluate_on_glyphs(settings, run)]
            for when, run in (("before", source), ("after", adapted))
        }
        rows += [
            Row(f"{title}, pretrained on digits", sample_run(source, 40, seed=settings.seed)),
            Row(f"{title}, the same latents after {settings.shots} shots", sample_run(adapted, 40, seed=settings.seed)),
        ]
    write_json(settings.out / "summary.json", summary)
    picture = settings.out / "quickstart.png"
    save_figure(picture, "From handwritten digits to typeset ones", [*real_rows(settings), *rows])
    result(comparison(summary))
    say(f"{time.monotonic() - began:.0f} s in all")
    result(str(picture))
    return 0


def pretrain(settings: Quickstart, family: str, out: Path) -> bool:
    """Trains the source on all 1,797 digits; returns True if it came to its end."""
    say(f"\n{FAMILIES[family]}: pretraining on digits")
    config = TrainConfig(
        data="digits", split="all", model=family, size=16, steps=settings.steps, seed=settings.seed, out=out, batch=64
    )
    resume = is_run(RunFolder(out)) and not settings.force
    return train(config, resume=resume, force=settings.force).signal is None


def adapt_to_shots(settings: Quickstart, family: str, source: Path, out: Path) -> bool:
    """Adapts the source to the shots; returns True if it came to its end."""
    say(f"\n{FAMILIES[family]}: adapting to {settings.shots} glyphs")
    config = AdaptConfig(
        source=source,
        data="glyphs",
        shots=settings.shots,
        transfer=TRANSFERS[family],
        steps=settings.adapt_steps,
        evaluate_every=0,  # choosing a step by held-out images would flatter the result
        seed=settings.seed,
        out=out,
    )
    resume = is_run(RunFolder(out)) and not settings.force
    return adapt(config, resume=resume, force=settings.force).signal is None


def evaluate_on_glyphs(settings: Quickstart, run: Path) -> list[Record]:
    """Evaluates a run against held-out glyphs; the quick form has one metric."""
    return evaluate_run(run, data="glyphs", metrics=("kd",) if settings.quick else CORE, seed=settings.seed)


def real_rows(settings: Quickstart) -> list[Row]:
    """Selects real images of both sets for the picture."""
    digits, glyphs = load("digits", channels=1, split="all"), load("glyphs", channels=1, seed=settings.seed)
    shots, held_out = few_shot(glyphs, settings.shots, settings.seed), load("glyphs", channels=1, split="test")
    return [
        Row("Real: digits, to pretrain on", first_images(digits, 20)),
        Row(f"Real: the {settings.shots} glyphs to adapt to", first_images(shots, 20)),
        Row("Real: held-out glyphs in other fonts, to evaluate with", first_images(held_out, 20)),
    ]


def first_images(images: Dataset, n: int):
    """Selects the first n images of a set."""
    return images.images[: min(n, len(images))]


def comparison(summary: dict[str, dict[str, list[dict]]]) -> str:
    """Formats the table of each record before and after."""
    rows = []
    for family, title in FAMILIES.items():
        for before, after in zip(summary[family]["before"], summary[family]["after"], strict=True):
            counts = f"{after['n_real']} / {after['n_fake']}"
            rows.append((f"{title}  {after['name']}", f"{before['value']:.3f}", f"{after['value']:.3f}", counts))
    return table(("against held-out glyphs", "before", "after", "real / generated"), rows)


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Quickstart, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
