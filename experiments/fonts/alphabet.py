"""From a few letters to a whole alphabet: adapts a model of fonts to them, and draws all 62 letters and digits.

    python experiments/fonts/alphabet.py --font own.ttf --letters ADGMRaegkt
    python experiments/fonts/alphabet.py --shots scans/     # A.png, a.png, ... or upper_a.png, lower_a.png, ...
    python experiments/fonts/alphabet.py --quick            # DejaVu Sans in a few steps, to see that everything runs

Stop it at any time; started again it goes on. Writes alphabet.png into --out: the given letters, all 62 as they are
drawn, and of a font the true ones. How near they come is measured in experiments/results/fonts.md.
"""

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

from experiments.common.letters import LETTERS
from experiments.fonts.sheet import QUICK, SOURCE, STEPS, adapted_to, drawn, in_places, save_sheet
from genjax.data import load
from genjax.data.named_shots import shots_named
from genjax.errors import InputError
from genjax.report.draw.figure import Row
from genjax.terminal import result, say


@dataclass(frozen=True)
class Alphabet:
    """Adapts a model of fonts to a few letters, and draws the whole alphabet."""

    font: Path | None = None
    """A .ttf or .otf file, some of whose letters are given and all of which are shown as the truth."""
    shots: Path | None = None
    """A folder of scanned letters, an image each, named by its character: A.png, or upper_a.png and lower_a.png."""
    letters: str = ""
    """Characters to adapt to: ADGMRaegkt of a font, all of a folder without it."""
    source: Path = SOURCE
    """Run of a flow that was trained on fonts by class and style."""
    out: Path = Path("runs/alphabet")
    """Folder for the run and the picture."""
    steps: int = STEPS
    """Steps of the adaptation."""
    seed: int = 0
    """Seed of everything random."""
    quick: bool = False
    """A few steps, of a font that comes with matplotlib where none is named."""
    force: bool = False
    """Start again instead of resuming, as is needed where letters have changed."""


def main(settings: Alphabet) -> int:
    """Adapts, draws and writes the sheet; returns the exit code."""
    if settings.quick:
        settings = quick_form(settings)
    data = data_of(settings)
    letters = settings.letters or (LETTERS if settings.font else "")
    whole = load(data, size=32, channels=1, split="all")
    given = shots_named(whole, letters) if letters else whole
    run = settings.out / "adapted"
    steps, seed, force = settings.steps, settings.seed, settings.force
    source = settings.source
    if not adapted_to(data, letters, len(given), run, steps=steps, seed=seed, force=force, source=source):
        return 130
    alphabet = drawn(run, settings.seed, QUICK if settings.quick else None)
    rows = [
        Row(f"Given: {len(given)} letters", given.images[:]),
        Row("Drawn by the adapted model, the given ones too", alphabet),
    ]
    if len(whole) > len(given):
        rows.append(Row("True", in_places(whole)))
    picture = settings.out / "alphabet.png"
    save_sheet(picture, f"From {len(given)} letters to an alphabet", rows)
    result(str(picture))
    return 0


def data_of(settings: Alphabet) -> str:
    """Returns the set of the letters, as `genjax adapt --data` takes it.

    Raises:
        InputError: both a font and a folder, or neither.
    """
    if (settings.font is None) == (settings.shots is None):
        raise InputError("the letters come from one place. Use --font PATH.ttf, or --shots FOLDER of scanned letters.")
    return f"font:{settings.font}" if settings.font is not None else f"letters:{settings.shots}"


def quick_form(settings: Alphabet) -> Alphabet:
    """Returns the settings of a few steps."""
    if settings.font is None and settings.shots is None:
        import matplotlib

        font = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
        settings = dataclasses.replace(settings, font=font)
    return dataclasses.replace(settings, steps=3)


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Alphabet, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
