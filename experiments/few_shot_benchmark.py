"""Which transfer carries a generator to few images best: every transfer, several shots and seeds, at one budget.

    python experiments/few_shot_benchmark.py            # the full grid; resumable: started again it goes on
    python experiments/few_shot_benchmark.py --quick    # a few cells of few steps, to see that everything runs

A cell is one adaptation; `unadapted` is the source as it is, and what is farther than that was better left alone. All
cells of a family and a pair of sets start from the same source and see the same number of images. It writes
results.jsonl (a row a cell), results.md (mean and 95 % interval over seeds) and a plot for each pair into --out.
"""

import dataclasses
import functools
import json
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import tyro
from over_seeds import over_seeds

from genjax.devices import backend

backend.prepare()  # before jax is imported

from genjax.config import AdaptConfig, TrainConfig
from genjax.data import few_shot, load
from genjax.errors import InputError, lookup
from genjax.evaluate import METRICS, Record, evaluate_images, load_extractor
from genjax.evaluate.sampling import sample_run
from genjax.families.recipes import SAMPLED
from genjax.report.draw.scatter import Point, save_scatter
from genjax.store.model import load_model
from genjax.store.run_folder import RunFolder, is_run, write_bytes
from genjax.terminal import result, say
from genjax.training.loop import adapt, train
from genjax.tree import count


class Pair(NamedTuple):
    """What is pretrained on what, and carried where."""

    source: str
    target: str
    size: int
    channels: Literal[1, 3]


PAIRS = {
    "digits-glyphs": Pair("digits", "glyphs", 16, 1),
    "emoji": Pair("emoji:!animals-nature", "emoji:animals-nature", 32, 3),
}
UNADAPTED = "unadapted"
ALONE = (
    *("full", "freeze", "lora", "scale_shift", "singular_values", "l2_sp", "ewc", "miner", "cdc"),
    *("kernel_modulation", "replay"),
)
COMBINED = ("freeze,lora", "freeze,scale_shift", "freeze,cdc", "lora,cdc")
JUDGED = ("kd", "fd", "coverage", "vendi", "intra_diversity", "copy_rate", "retention")
SHOWN = ("KD", "FD", "coverage", "intra_diversity", "copy_rate", "retention")

known = functools.cache(load)  # many cells are judged by the same images


@dataclass(frozen=True)
class Benchmark:
    """Adapts one source per family and pair with every transfer, and judges the results alike."""

    out: Path = Path("runs/few_shot")
    """Folder for sources, rows, table and plots."""
    pairs: tuple[str, ...] = ("digits-glyphs",)
    """digits-glyphs, emoji."""
    families: tuple[Literal["gan", "vae"], ...] = ("gan", "vae")
    """Which models."""
    transfers: tuple[str, ...] = (UNADAPTED, *ALONE, *COMBINED)
    """Which transfers, and combinations with commas; unadapted is the source as it is."""
    shots: tuple[int, ...] = (1, 5, 10, 100)
    """Target images."""
    seeds: int = 3
    """Cells of each kind: seeds 0, 1, ... choose the shots, the latents and their order."""
    source_steps: int = 1800
    """Of each pretraining, batch 64."""
    images: int = 3200
    """Target images seen in each adaptation, the same in every cell."""
    batch: int = 32
    """Of each adaptation, or all the shots where they are fewer; the steps follow."""
    num: int = 1000
    """Samples, and held-out images at most, in the judgement."""
    only_table: bool = False
    """Compute nothing: write the table and the plots from the rows that are there."""
    quick: bool = False
    """A few cells of few steps, to see that everything runs."""


@dataclass(frozen=True)
class Cell:
    """One adaptation."""

    pair: str
    family: str
    transfer: str
    shots: int
    seed: int

    @property
    def name(self) -> str:
        """By which its row is found again."""
        return f"{self.pair}/{self.family}/{self.transfer}/{self.shots}/{self.seed}"


def main(settings: Benchmark) -> int:
    """Runs every cell that has no row yet, then writes table and plots; returns the exit code."""
    if settings.quick:
        tiny = {"source_steps": 20, "images": 20, "batch": 5, "seeds": 2, "shots": (5,), "num": 100}
        settings = dataclasses.replace(
            settings, transfers=(UNADAPTED, "full", "lora"), pairs=("digits-glyphs",), **tiny
        )
    for pair in settings.pairs:
        lookup(PAIRS, pair, "pair")
    for shots in settings.shots:
        if settings.images % min(settings.batch, shots):
            raise InputError(
                f"--images {settings.images} is no whole number of batches of {min(settings.batch, shots)}. Use"
                f" {settings.images - settings.images % min(settings.batch, shots)}."
            )
    rows = settings.out / "results.jsonl"
    for cell in [] if settings.only_table else cells(settings):
        done = {row["cell"]: row for row in read_rows(rows)}
        if cell.name in done:
            check_budget(done[cell.name], settings)
            continue
        row = run_cell(settings, cell)
        if row is None:
            return 130
        with rows.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    found = read_rows(rows)
    if not found:
        raise InputError(f"{rows} holds no rows. Run the benchmark without --only-table first.")
    write_bytes(settings.out / "results.md", markdown(found).encode())
    for pair, family in dict.fromkeys((row["pair"], row["family"]) for row in found):
        plot(settings.out / f"{pair}-{family}.png", found, pair, family)
    result(str(settings.out / "results.md"))
    return 0


def cells(settings: Benchmark) -> Iterator[Cell]:
    """All cells; those of one seed come before those of the next, so that a stopped benchmark is of use."""
    for pair in settings.pairs:
        for seed in range(settings.seeds):
            for family in settings.families:
                for shots in settings.shots:
                    for transfer in settings.transfers:
                        yield Cell(pair, family, transfer, shots, seed)


class Adapted(NamedTuple):
    """What is judged.

    Attributes:
        run: its folder.
        steps: of the adaptation.
        images_seen: in them.
        trained: numbers of what makes the images.
        bytes: of these on disk.
    """

    run: Path
    steps: int = 0
    images_seen: int = 0
    trained: int = 0
    bytes: int = 0


def run_cell(settings: Benchmark, cell: Cell) -> dict[str, Any] | None:
    """The row of a cell; None if a signal stopped it."""
    source = pretrained(settings, cell)
    if source is None:
        return None
    say(f"\n{cell.name}")
    began = time.monotonic()
    adapted = Adapted(source) if cell.transfer == UNADAPTED else adaptation(settings, cell, source)
    if adapted is None:
        return None
    seconds = time.monotonic() - began
    records = judged(settings, cell, source, adapted.run)
    source_set, target, _, _ = PAIRS[cell.pair]
    return {
        "cell": cell.name,
        **dataclasses.asdict(cell),
        "source": source_set,
        "source_identity": load_model(source).identity,
        "target": target,
        "budget": budget(settings),
        **{name: value for name, value in adapted._asdict().items() if name != "run"},
        "seconds": round(seconds, 2),
        "values": {record.name.partition("[")[0]: record.value for record in records},
        "records": [record.to_json() for record in records],
    }


def adaptation(settings: Benchmark, cell: Cell, source: Path) -> Adapted | None:
    """Carries the source to the shots; None if a signal stopped it."""
    target = PAIRS[cell.pair].target
    out, batch = settings.out / "cell", min(settings.batch, cell.shots)
    steps = settings.images // batch
    shutil.rmtree(out, ignore_errors=True)
    config = AdaptConfig(
        source=source,
        data=target,
        shots=cell.shots,
        transfer=cell.transfer,
        batch=batch,
        steps=steps,
        sample_every=steps,
        save_every=steps,
        evaluate_every=0,
        seed=cell.seed,
        out=out,
    )
    outcome = adapt(config)
    if outcome.signal is not None:
        return None
    return Adapted(
        out,
        steps,
        steps * batch,
        trained=sum(count(outcome.state.trainable[network]) for network in SAMPLED[cell.family]),
        bytes=sum(
            path.stat().st_size
            for network in SAMPLED[cell.family]
            for path in RunFolder(out).model().glob(f"{network}-*.safetensors")
        ),
    )


def judged(settings: Benchmark, cell: Cell, source: Path, run: Path) -> list[Record]:
    """Records of its samples against held-out images of the target, the shots and the source."""
    _, target, size, channels = PAIRS[cell.pair]
    held_out = known(target, size=size, channels=channels, split="test")
    shots = few_shot(known(target, size=size, channels=channels, seed=cell.seed), cell.shots, cell.seed)
    return evaluate_images(
        held_out.images[np.arange(min(settings.num, len(held_out)))],
        sample_run(run, settings.num, seed=cell.seed),
        extractor=load_extractor("embedded-v1"),
        metrics=[name for name in JUDGED if name in METRICS],
        train_images=shots.images[:],
        source_images=sample_run(source, settings.num, seed=cell.seed),
        data=target,
        split="test",
        seed=cell.seed,
        intervals=(),
        cache=backend.cache_folder(),
    )


def pretrained(settings: Benchmark, cell: Cell) -> Path | None:
    """The source of a cell, the same for all transfers, shots and seeds; None if a signal stopped its training."""
    source_set, _, size, channels = PAIRS[cell.pair]
    out = settings.out / "sources" / f"{cell.pair}-{cell.family}"
    config = TrainConfig(
        data=source_set,
        split="all",
        model=cell.family,
        size=size,
        channels=channels,
        steps=settings.source_steps,
        sample_every=settings.source_steps,
        evaluate_every=0,
        out=out,
    )
    folder = RunFolder(out)
    if is_run(folder) and (folder.model() / "model.json").exists() and load_model(out).step == settings.source_steps:
        return out
    return out if train(config, resume=is_run(folder)).signal is None else None


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows that are whole; the last may be torn where the machine stopped."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def budget(settings: Benchmark) -> dict[str, int]:
    """What all cells of a folder have in common."""
    return {name: getattr(settings, name) for name in ("images", "batch", "num", "source_steps")}


def check_budget(row: dict[str, Any], settings: Benchmark) -> None:
    """Raises InputError where a row was made under another budget; the first rows said their images only."""
    had = row.get("budget", {"images": row["images_seen"]})
    unlike = [f"{name} {value}" for name, value in had.items() if value != getattr(settings, name)]
    if unlike:
        raise InputError(f"{row['cell']} was made with {', '.join(unlike)}. Name another --out for another budget.")


def grouped(rows: list[dict[str, Any]]) -> dict[tuple[str, str, int, str], list[dict[str, Any]]]:
    """{(pair, family, shots, transfer): rows of its seeds}."""
    groups: dict[tuple[str, str, int, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["pair"], row["family"], row["shots"], row["transfer"]), []).append(row)
    return groups


def markdown(rows: list[dict[str, Any]]) -> str:
    """A table for each pair, family and number of shots, sorted by KD."""
    groups, text = grouped(rows), ["# Few-shot benchmark", "", heading(rows), ""]
    for pair, family, shots in dict.fromkeys(key[:3] for key in groups):
        mine = {key[3]: group for key, group in groups.items() if key[:3] == (pair, family, shots)}
        text += [f"## {pair}, {family.upper()}, {shots} {'shot' if shots == 1 else 'shots'}", ""]
        text += ["| transfer | seeds | " + " | ".join(SHOWN) + " | trained | bytes | seconds |"]
        text += ["|" + "---|" * (len(SHOWN) + 5)]
        for transfer, group in sorted(mine.items(), key=lambda item: over_seeds(values(item[1], "KD"))[0]):
            shown = [cell_text(values(group, name)) for name in SHOWN]
            seconds = np.median([row["seconds"] for row in group])
            cost = [f"{group[0]['trained']:,}", f"{group[0]['bytes']:,}", f"{seconds:.0f}"]
            text.append(f"| {transfer} | {len(group)} | " + " | ".join([*shown, *cost]) + " |")
        text += ["", *verdict(mine), ""]
    return "\n".join(text)


def heading(rows: list[dict[str, Any]]) -> str:
    """How the numbers came about."""
    record = rows[0]["records"][0]
    return (
        f"Mean and half of the 95 % interval (Student's t) over seeds. Every adaptation saw"
        f" {max(row['images_seen'] for row in rows):,} images, those of as many shots from the same source, which"
        f" is `unadapted`; {record['n_fake']:,} samples against {record['n_real']:,} held-out images, features"
        f" {record['extractor']}, genjax {record['version']}. KD, FD and copy_rate: lower is better (copy_rate of new"
        " images is .05). coverage and intra_diversity (1 is that of held-out images): higher. retention is how far the"
        " order of likeness is still the source's, no merit of itself. trained, bytes: of what makes the images; the"
        " critic, where there is one, is trained beside it."
    )


def values(group: list[dict[str, Any]], name: str) -> list[float]:
    """One metric of the rows that have it."""
    return [row["values"][name] for row in group if name in row["values"]]


def cell_text(found: list[float]) -> str:
    """Mean ± half interval."""
    if not found:
        return ""
    mean, half = over_seeds(found)
    return f"{mean:.3f}" if np.isnan(half) else f"{mean:.3f} ± {half:.3f}"


def verdict(groups: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Which transfers beat plain fine-tuning in KD and in diversity, and which came nearer than the source was."""
    lines = []
    others = [name for name in groups if name not in ("full", UNADAPTED) and len(groups[name]) > 1]
    if len(groups.get("full", [])) > 1:
        for title, better in (("intervals apart", apart), ("paired by seed, that is, by the same shots", paired)):
            nearer = [name for name in others if better(groups[name], groups["full"], "KD", -1)]
            wider = [name for name in others if better(groups[name], groups["full"], "intra_diversity", 1)]
            both = [name for name in nearer if name in wider]
            parts = (("KD", nearer), ("intra_diversity", wider), ("both", both))
            found = "; ".join(f"in {name} {listed(ones)}" for name, ones in parts)
            lines += [f"Better than `full`, {title}: {found}.", ""]
    if len(groups.get(UNADAPTED, [])) > 1:
        tried = [name for name in ("full", *others) if len(groups.get(name, [])) > 1]
        came = {
            name: [one for one in tried if paired(groups[one], groups[UNADAPTED], name, -1)] for name in ("KD", "FD")
        }
        found = "; ".join(f"in {name} {listed(ones)}" for name, ones in came.items())
        lines += [f"Nearer than the source was, paired by seed: {found}.", ""]
    return lines[:-1]


def apart(rows: list[dict[str, Any]], base: list[dict[str, Any]], name: str, sign: int) -> bool:
    """Whether a metric is above (sign 1) or below (-1) that of the base by more than both intervals."""
    (mean, half), (of_base, half_of_base) = over_seeds(values(rows, name)), over_seeds(values(base, name))
    return sign * (mean - of_base) > half + half_of_base


def paired(rows: list[dict[str, Any]], base: list[dict[str, Any]], name: str, sign: int) -> bool:
    """Whether the differences from the base, seed by seed, are above (sign 1) or below (-1) 0 by their interval.

    Rows that began at another source than the base's of their seed are not compared.
    """
    of_base = {_pairing(row): row["values"][name] for row in base if name in row["values"]}
    both = [row for row in rows if _pairing(row) in of_base and name in row["values"]]
    if len(both) < 2:
        return False
    mean, half = over_seeds([sign * (row["values"][name] - of_base[_pairing(row)]) for row in both])
    return mean > half


def _pairing(row: dict[str, Any]) -> tuple[int, str]:
    return row["seed"], row.get("source_identity", "")  # the first rows did not say which source


def listed(names: list[str]) -> str:
    """Names in a sentence."""
    return ", ".join(f"`{name}`" for name in names) or "none"


def plot(path: Path, rows: list[dict[str, Any]], pair: str, family: str) -> None:
    """KD against intra_diversity, a panel for each number of shots, intervals drawn."""
    panels: dict[str, list[Point]] = {}
    for (of_pair, of_family, shots, transfer), group in grouped(rows).items():
        if (of_pair, of_family) == (pair, family):
            x, y = over_seeds(values(group, "intra_diversity")), over_seeds(values(group, "KD"))
            title = f"{shots} {'shot' if shots == 1 else 'shots'}"
            panels.setdefault(title, []).append(Point(transfer, x[0], y[0], x[1], y[1]))
    title = f"{PAIRS[pair][0]} to {PAIRS[pair][1]}, {family.upper()}"
    save_scatter(path, title, panels, x="intra_diversity (higher is better)", y="KD[embedded-v1] (lower is better)")


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Benchmark, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
