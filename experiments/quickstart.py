"""Quickstart: pretrain on real digits and adapt to ten typeset ones; then ten letters of a font become its alphabet.

    python experiments/quickstart.py            # the demo, on a CPU, under 1.1 GiB of memory
    python experiments/quickstart.py --quick    # the same in a few steps, to see that everything runs

A GAN and a VAE are pretrained and adapted, and judged before and after. Then a flow that knows 141 families of fonts is
adapted to ten letters of Kalam, which is none of them (of the extra `demo`; without it this part is left out). Stop it
at any time; started again it goes on. Writes quickstart.png, alphabet.png and summary.json into --out.

Measured on 2026-11-29 with seed 0: KD[embedded-v1] against held-out glyphs falls from 3.66 to 0.84 (GAN) and from 3.60
to 2.22 (VAE). Other seeds are in README.md, other fonts in experiments/results/fonts.md.
"""

import dataclasses
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

from experiments.common.letters import LETTERS
from experiments.fonts.sheet import QUICK, STEPS, adapted_to, save_sheet, sheet_of
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
FONT = "kalam"  # handwriting, of the extra `demo`; no model of this repository was trained on it
TRANSFERS = {"gan": "freeze", "vae": "full"}  # of those tried on ten shots, see the README


@dataclass(frozen=True)
class Quickstart:
    """Pretrains a GAN and a VAE on digits and adapts them to ten glyphs, and a flow of fonts to ten letters."""

    out: Path = Path("runs/quickstart")
    """Folder for the five runs, the pictures and the summary."""
    seed: int = 0
    """Seed of everything random."""
    steps: int = 1200
    """Steps of each pretraining."""
    adapt_steps: int = 600
    """Steps of each adaptation to glyphs."""
    letter_steps: int = STEPS
    """Steps of the adaptation to letters."""
    shots: int = 10
    """Glyphs to adapt to."""
    quick: bool = False
    """A few steps of everything, to see that it runs."""
    force: bool = False
    """Start again instead of resuming."""


def main(settings: Quickstart) -> int:
    """Runs everything; returns the exit code."""
    if settings.quick:
        settings = dataclasses.replace(settings, steps=6, adapt_steps=3, letter_steps=3)
    began = time.monotonic()
    digits = from_digits_to_glyphs(settings)
    letters = from_letters_to_alphabet(settings) if digits is not None else None
    if digits is None or letters is None:
        return 130  # a signal stopped one of them
    write_json(settings.out / "summary.json", digits | letters)
    result(comparison(digits))
    if letters:
        result(f"\n{compared_letters(letters)}")
    say(f"{time.monotonic() - began:.0f} s in all")
    result("\n".join(str(settings.out / f"{name}.png") for name in ("quickstart", *(["alphabet"] if letters else []))))
    return 0


def from_digits_to_glyphs(settings: Quickstart) -> dict[str, Any] | None:
    """Pretrains, adapts and evaluates each family, and draws the picture; None if it was stopped."""
    summary, rows = {}, []
    for family, title in FAMILIES.items():
        source, adapted = settings.out / family / "source", settings.out / family / "adapted"
        if not pretrain(settings, family, source) or not adapt_to_shots(settings, family, source, adapted):
            return None
        summary[family] = {
            when: [record.to_json() for record in evaluate_on_glyphs(settings, run)]
            for when, run in (("before", source), ("after", adapted))
        }
        rows += [
            Row(f"{title}, pretrained on digits", sample_run(source, 40, seed=settings.seed)),
            Row(f"{title}, the same latents after {settings.shots} shots", sample_run(adapted, 40, seed=settings.seed)),
        ]
    picture = settings.out / "quickstart.png"
    save_figure(picture, "From handwritten digits to typeset ones", [*real_rows(settings), *rows])
    return summary


def from_letters_to_alphabet(settings: Quickstart) -> dict[str, Any] | None:
    """Adapts the zoo's flow to ten letters, and draws the alphabet; returns the records, None if it was stopped.

    They are {} where the font is not installed.
    """
    try:
        whole = load(f"fonts:{FONT}", size=32, channels=1, split="all")
    except InputError as error:
        say(f'\nThe letters are left out: {error} For this font alone: pip install "genjax-images[demo]"')
        return {}
    say(f"\nFlow: adapting to {len(LETTERS)} letters of {FONT}")
    run = settings.out / "letters" / "adapted"
    steps, seed = settings.letter_steps, settings.seed
    if not adapted_to(whole.name, LETTERS, len(LETTERS), run, steps=steps, seed=seed, force=settings.force):
        return None
    sheet = sheet_of(whole, LETTERS, run, seed, QUICK if settings.quick else None)
    save_sheet(settings.out / "alphabet.png", f"Ten letters of {FONT.title()} become an alphabet", sheet.rows)
    return {"letters": [record.to_json() for record in sheet.records]}


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
    """Evaluates a run against held-out glyphs; the quick form has one metric, of fewer images."""
    metrics, num = (("kd",), 200) if settings.quick else (CORE, 0)
    return evaluate_run(run, data="glyphs", metrics=metrics, num=num, seed=settings.seed)


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


def compared_letters(summary: dict[str, Any]) -> str:
    """Formats how near the letters that were not given are to the true ones, by each way to draw them."""
    ways: dict[str, dict[str, dict]] = {}
    for record in summary["letters"]:
        name, _, of = record["name"].partition(" of ")
        ways.setdefault(of or "adapted", {})[name] = record
    number = summary["letters"][0]["n_real"]
    rows = [
        (way, f"{found['distance']['value']:.1f}", f"{found['legibility']['value']:.2f}") for way, found in ways.items()
    ]
    return table((f"{number} unseen characters of {FONT}", "distance, of 255", "read rightly"), rows)


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Quickstart, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
