"""Compares the measures of `genjax sources` with what the adaptations of these sources reach.

    python experiments/few_shot/sources.py                     # every source on every target; resumable
    python experiments/few_shot/sources.py --quick             # one source and one target for two steps

Before anything is trained, each source is measured by recall, distance and fit to the shots of a target. Then it is
adapted to them, all by the same transfer and for the same images seen, and judged by the kernel distance between what
it draws and images that were held out, both brought to the size of the extractor. For each target the order of the
sources by a measure is compared with the order by the result: Spearman's rank correlation, 1 where they agree. Writes
rows.jsonl and sources.md into --out.
"""

import dataclasses
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

import numpy as np
from scipy.stats import spearmanr

from experiments.common.letters import LETTERS
from experiments.common.resumed import add_row, rows_by
from genjax.config import AdaptConfig
from genjax.errors import InputError
from genjax.evaluate import kernel_distance, load_extractor
from genjax.evaluate.features.extractor import extract_features
from genjax.evaluate.run_data import held_out_images
from genjax.evaluate.sampling import sample_run
from genjax.evaluate.sources import Suited, rank_sources
from genjax.families.conditions import in_turn, said_of
from genjax.store.description import read_model_config
from genjax.store.run_folder import write_bytes
from genjax.terminal import result, say
from genjax.training.loop import adapt
from genjax.zoo.cards import PREFIX, cards, run_named

MEASURES = {"distance": 1.0, "recall": -1.0, "fit": 1.0}  # {measure: 1 where lower is better, like the result}


class Target(NamedTuple):
    """A few-shot target.

    Attributes:
        data: name of the set.
        shots: images, chosen by the seed; None with letters.
        letters: characters of a font that are the shots.
    """

    data: str
    shots: int | None = None
    letters: str = ""


TARGETS = {
    "digits": Target("digits", 20),
    "josefin-sans": Target("fonts:josefin-sans", letters=LETTERS),
    "caveat": Target("fonts:caveat", letters=LETTERS),
    "bungee": Target("fonts:bungee", letters=LETTERS),
}


@dataclass(frozen=True)
class Sources:
    """Compares what is measured of sources with what their adaptations reach."""

    out: Path = Path("runs/sources")
    """Folder for rows and table."""
    sources: tuple[str, ...] = ()
    """Sources; all of the zoo without."""
    targets: tuple[str, ...] = tuple(TARGETS)
    """Targets, by name."""
    transfer: str = "full"
    """Transfer of all adaptations."""
    steps: int = 300
    """Updates of each."""
    num: int = 200
    """Images that a source draws, and its adaptation."""
    seed: int = 0
    """Seed of shots and latents."""
    only_table: bool = False
    """Compute nothing: write the table from the existing rows."""
    quick: bool = False
    """The smallest source and one target for two steps."""


def main(settings: Sources) -> int:
    """Runs what has no row yet, then writes the table; returns the exit code."""
    if settings.quick:
        settings = dataclasses.replace(settings, sources=_smallest(1), targets=("digits",), steps=2, num=8)
    sources = settings.sources or tuple(f"{PREFIX}{card.name}" for card in cards())
    path = settings.out / "rows.jsonl"
    settings.out.mkdir(parents=True, exist_ok=True)
    for name in () if settings.only_table else settings.targets:
        if name not in TARGETS:
            raise InputError(f"unknown target {name!r}. Known: {', '.join(TARGETS)}.")
        if not run_target(settings, name, sources, path):
            return 130
    table = markdown(list(rows_by("cell", path, settings).values()))
    write_bytes(settings.out / "sources.md", table.encode())
    result(table)
    return 0


def _smallest(number: int) -> tuple[str, ...]:
    """Returns the smallest models of the zoo, which are quick."""
    size = {
        card.name: sum(path.stat().st_size for path in run_named(f"{PREFIX}{card.name}").rglob("*")) for card in cards()
    }
    return tuple(f"{PREFIX}{name}" for name in sorted(size, key=size.__getitem__)[:number])


def run_target(settings: Sources, name: str, sources: Sequence[str], path: Path) -> bool:
    """Measures and adapts the sources that have no row of this target; False if a signal stopped one."""
    done = rows_by("cell", path, settings)
    missing = [source for source in sources if f"{name}/{source}" not in done]
    if not missing:
        return True
    target = TARGETS[name]
    about = {"shots": target.shots, "shots_of": target.letters}
    found = rank_sources(target.data, sources=missing, num=settings.num, seed=settings.seed, **about)
    for one in found:
        reached = None if one.refused else adapted(settings, target, one)
        if reached is None and not one.refused:
            return False
        row: dict[str, Any] = {
            "cell": f"{name}/{one.source}",
            "target": name,
            "budget": {field: getattr(settings, field) for field in ("transfer", "steps", "num", "seed")},
            "kd": reached,
            **one._asdict(),
        }
        add_row(path, row)
        say(f"{row['cell']}: {one.refused or reached}")
    return True


def adapted(settings: Sources, target: Target, one: Suited) -> float | None:
    """Adapts a source and returns the kernel distance to held-out images; None if a signal stopped it."""
    out = settings.out / "adapted"
    shutil.rmtree(out, ignore_errors=True)
    config = AdaptConfig(
        source=run_named(one.source),
        data=target.data,
        shots=target.shots,
        shots_of=target.letters,
        transfer=settings.transfer,
        steps=settings.steps,
        sample_every=settings.steps,
        save_every=settings.steps,
        evaluate_every=0,
        seed=settings.seed,
        out=out,
    )
    if adapt(config).signal is not None:
        return None
    model = read_model_config(out)
    real = held_out_images(config, model)
    said = said_of(model.condition, real)
    asked = in_turn(said, settings.num) if said else None
    fake = sample_run(out, settings.num, seed=settings.seed, asked=asked)
    extractor = load_extractor("embedded-v1")
    return float(kernel_distance(extract_features(extractor, real.images[:]), extract_features(extractor, fake)))


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Formats what each source measured and reached, and how well the orders agree."""
    usable = [row for row in rows if not row["refused"]]
    lines = [
        "| target | source | distance | recall | fit | KD[embedded-v1] after the adaptation |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['target']} | {row['source']} | {_number(row['distance'])} | {_number(row['recall'])}"
        f" | {_number(row['fit'])} | {row['refused'] or _number(row['kd'])} |"
        for row in rows
    ]
    lines += ["", "Spearman's rank correlation with the result, over the sources of a target:", ""]
    lines += ["| target | sources | distance | recall |", "|---|---|---|---|"]
    kept = []
    for target in dict.fromkeys(row["target"] for row in usable):
        own = [row for row in usable if row["target"] == target]
        if len(own) > 2:
            kept.append([agreement(own, measure) for measure in ("distance", "recall")])
            found = " | ".join("all alike" if np.isnan(one) else f"{one:.2f}" for one in kept[-1])
            lines.append(f"| {target} | {len(own)} | {found} |")
    if kept:
        mean = np.nanmean(np.array(kept), axis=0)
        lines.append(f"| mean | | {mean[0]:.2f} | {mean[1]:.2f} |")
    return "\n".join(lines) + "\n"


def agreement(rows: Sequence[dict[str, Any]], measure: str) -> float:
    """Returns Spearman's correlation of a measure, turned so that lower is better, with the result; NaN if all tie."""
    signed = [MEASURES[measure] * row[measure] for row in rows]
    if len(set(signed)) < 2:
        return float("nan")
    correlation: Any = spearmanr(signed, [row["kd"] for row in rows])
    return float(correlation.statistic)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Sources, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
