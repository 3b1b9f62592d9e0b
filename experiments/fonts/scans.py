"""Compares scanned letters, as `letters:` places them, with what `fonts` draws of the same font.

    python experiments/fonts/scans.py             # ten letters of each of the 30 validation and test fonts
    python experiments/fonts/scans.py --quick     # of one font

A scan is drawn by Pillow apart from `fonts`: dark ink on grey, grainy paper, turned by 2 degrees, kept as JPEG. The
distance is the mean absolute difference of pixels, 0 to 255, at 32 pixels and after the best shift by one pixel. Writes
scans.json and scans.md into --out.
"""

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

import numpy as np
from PIL import Image, ImageDraw

from experiments.common.letters import LETTERS
from genjax.data import load
from genjax.data.fonts.drawing import font_of_size
from genjax.data.fonts.faces import face_named
from genjax.data.fonts.families import FAMILIES
from genjax.data.named_shots import shots_named
from genjax.errors import InputError
from genjax.evaluate.metrics.letters import shifted_distance
from genjax.store.run_folder import write_bytes, write_json
from genjax.terminal import result, say

PIXELS, MARGIN = 160, 40  # size of the font in a scan, and paper around the ink
PAPER, INK, GRAIN = 215, 45, 6  # grey levels, and the deviation of the paper's grain
TURNED, QUALITY = 2.0, 85  # degrees, and of JPEG


@dataclass(frozen=True)
class Scans:
    """Compares scanned letters with those of the font."""

    out: Path = Path("runs/scans")
    """Folder for the distances and the table."""
    seed: int = 0
    """Seed of the grain."""
    quick: bool = False
    """One font only."""


def main(settings: Scans) -> int:
    """Measures every font, writes the distances and the table; returns the exit code."""
    families = ("kalam",) if settings.quick else (*FAMILIES["validation"], *FAMILIES["test"])
    found = {family: distance_of(family, settings.seed) for family in families}
    settings.out.mkdir(parents=True, exist_ok=True)
    write_json(settings.out / "scans.json", found)
    write_bytes(settings.out / "scans.md", markdown(found).encode())
    result(markdown(found))
    return 0


def distance_of(family: str, seed: int) -> float:
    """Returns the mean distance of ten scanned letters of a family to those that `fonts` draws."""
    true = shots_named(load(f"fonts:{family}", size=32, channels=1, split="all"), LETTERS)
    with tempfile.TemporaryDirectory() as folder:
        for number, char in enumerate(LETTERS):
            case = "upper" if char.isupper() else "lower"
            scan(family, char, seed + number).save(Path(folder) / f"{case}_{char.lower()}.jpg", quality=QUALITY)
        scanned = load(f"letters:{folder}", size=32, channels=1, split="all")
    return round(float(shifted_distance(scanned.images[:], true.images[:]).mean()), 2)


def scan(family: str, char: str, seed: int) -> Image.Image:
    """Draws a character of a family as a scan, in grey."""
    face = face_named(family)
    font = font_of_size(face.path, PIXELS, face.axes)
    left, top, right, bottom = map(int, font.getbbox(char))
    ink = Image.new("L", (right - left + 2 * MARGIN, bottom - top + 2 * MARGIN))
    ImageDraw.Draw(ink).text((MARGIN - left, MARGIN - top), char, 255, font)
    inked = np.asarray(ink.rotate(TURNED, Image.Resampling.BICUBIC), np.float32) / 255
    grain = np.random.default_rng(seed).normal(0, GRAIN, inked.shape)
    return Image.fromarray(np.clip(PAPER + (INK - PAPER) * inked + grain, 0, 255).astype(np.uint8))


def markdown(found: Mapping[str, float]) -> str:
    """Formats median, mean and every font, the worst first."""
    values = list(found.values())
    lines = [f"{len(values)} fonts: median {np.median(values):.1f}, mean {np.mean(values):.1f} of 255.", ""]
    lines += ["| font | distance |", "|---|---|"]
    lines += [f"| {family} | {found[family]:.1f} |" for family in sorted(found, key=lambda one: -found[one])]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Scans, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
