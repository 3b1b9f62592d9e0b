"""Means with intervals over several seeds of the text-to-image experiment, each a training of its own."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.text_to_image.adaptation import shown
from experiments.text_to_image.settings import HEADS
from genjax.data.glyphs.captions import VALUES
from genjax.errors import InputError


def over_trainings(folders: Sequence[Path]) -> str:
    """Writes tables of the means over these folders' results.

    Raises:
        InputError: fewer than two folders, one without results or parts of them, twice the same seed, or settings that
            differ in more than the seed.
    """
    found = [read(folder) for folder in folders]
    check_alike([one["settings"] for one in found])
    check_parts(folders, found)
    shares = [{name: row["shares"] for name, row in one["samples"].items()} for one in found]
    distances = [
        {name: {"kernel distance": row["kd"]["value"]} for name, row in one["samples"].items()} for one in found
    ]
    seeds = ", ".join(one["settings"]["seed"] for one in found)
    num = found[0]["settings"]["num"]
    lines = [
        f"Text to image on captioned glyphs, trained with seeds {seeds}, {num} images of each kind; means with their"
        " 95 % intervals over the trainings (Student's t).",
        "",
    ]
    lines += table("samples read as asked, %", shares, (*HEADS, "all"))
    lines += table("to new images in the same fonts", distances, ("kernel distance",), ".3f", 1.0)
    lines += table("the classifier on real images, %", of(found, "classifier"), (*HEADS, "all"))
    said = (*VALUES, "all", "grammatical")
    lines += table("captions that say what is seen, %", of(found, "captions"), said)
    by = ("prior", "unigram", "unigram of each place")
    lines += table("nats of 64 image tokens", of(found, "likelihood"), by, ".1f", 1.0)
    return "\n".join(lines)


def read(folder: Path) -> dict[str, Any]:
    """Reads the results in a folder."""
    path = folder / "text_to_image.json"
    if not path.exists():
        raise InputError(f"{path} does not exist. Name folders that this experiment has written.")
    return json.loads(path.read_text(encoding="utf-8"))


def check_alike(settings: Sequence[dict[str, str]]) -> None:
    """Raises InputError unless there are several, only the seed differs, and it always does."""
    if len(settings) < 2:
        raise InputError("a mean needs the results of two seeds or more. Name their folders after --combine.")
    for name in sorted(set().union(*settings) - {"seed", "judged_seed", "runs", "turns"}):
        values = {one.get(name, "none") for one in settings}
        if len(values) > 1:
            raise InputError(f"the results differ in {name}: {', '.join(sorted(values))}. Name those of one setting.")
    if len({one["seed"] for one in settings}) < len(settings):
        raise InputError(f"the seeds {', '.join(one['seed'] for one in settings)} are not all different.")


def check_parts(folders: Sequence[Path], found: Sequence[dict[str, Any]]) -> None:
    """Raises InputError where a part that the tables need was not measured."""
    for folder, one in zip(folders, found, strict=True):
        missing = [part for part in ("samples", "classifier", "captions", "likelihood") if part not in one]
        if missing:
            raise InputError(f"{folder} lacks {', '.join(missing)}. Run the experiment there without --parts.")


def of(found: Sequence[dict[str, Any]], part: str) -> list[dict[str, Any]]:
    """Lists one part of every training."""
    return [one[part] for one in found]


def table(
    title: str,
    rows: Sequence[dict[str, dict[str, Any]]],
    columns: Sequence[str],
    form: str = ".1f",
    scale: float = 100.0,
) -> list[str]:
    """Writes a row a case and a column a figure, over the trainings; a figure's own interval is left out."""
    lines = [f"| {title} | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name in rows[0]:
        cells = [shown([scale * value_of(one[name][column]) for one in rows], form) for column in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def value_of(figure: Any) -> float:
    """Reads a figure's value, which may come with the ends of its interval."""
    return float(figure[0] if isinstance(figure, list) else figure)
