"""Cells of the few-shot benchmark: settings, the source that each starts from, its adaptation and its judgement."""

import dataclasses
import functools
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from experiments.common.resumed import trained
from genjax.config import AdaptConfig, TrainConfig
from genjax.data import few_shot, load
from genjax.devices import backend
from genjax.evaluate import METRICS, Record, evaluate_images, load_extractor
from genjax.evaluate.sampling import sample_run
from genjax.families.flow.options import DitConfig, FlowConfig, FlowDrawing
from genjax.families.registry import FAMILIES
from genjax.store.description import read_model_config
from genjax.store.model import load_model
from genjax.store.run_folder import RunFolder
from genjax.terminal import say
from genjax.training.loop import adapt
from genjax.transfer.replay import Replay
from genjax.tree import count


class Pair(NamedTuple):
    """Source and target set, and their size and channels."""

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
FORGETTING = "forgetting"  # replay at clean levels of noise, the target at noisy ones
COMBINED = ("freeze,lora", "freeze,scale_shift", "freeze,cdc", "lora,cdc")
NOT_FOR = {"gan": (FORGETTING,), "vae": (FORGETTING,), "flow": ("miner",)}  # {family: transfers that it cannot take}
FLOW = FlowConfig(dit=DitConfig(width=96, depth=4))
JUDGED = ("kd", "fd", "coverage", "vendi", "intra_diversity", "copy_rate", "retention")
known = functools.cache(load)  # many cells are judged by the same images


@dataclass(frozen=True)
class Benchmark:
    """Adapts one source per family and pair with every transfer, and judges all results in the same way."""

    out: Path = Path("runs/few_shot")
    """Folder for sources, rows, table and plots."""
    pairs: tuple[str, ...] = ("digits-glyphs",)
    """Pairs of sets: digits-glyphs, emoji."""
    families: tuple[Literal["gan", "vae", "flow"], ...] = ("gan", "vae", "flow")
    """Families of generators."""
    transfers: tuple[str, ...] = (UNADAPTED, *ALONE, *COMBINED, FORGETTING)
    """Transfers, and combinations with commas; unadapted is the source as it is; forgetting is replay by levels."""
    guidances: tuple[float, ...] = (1.0, 1.5, 3.0)
    """Weights of the guidance away from the source that adapted flows are also drawn with; 1 is none."""
    shots: tuple[int, ...] = (1, 5, 10, 100)
    """Numbers of target images."""
    seeds: int = 3
    """Cells of each kind: seeds 0, 1, ... choose the shots, the latents and their order."""
    source_steps: int = 1800
    """Steps of each pretraining, batch 64."""
    images: int = 3200
    """Target images seen in each adaptation, the same in every cell."""
    batch: int = 32
    """Batch of each adaptation, or all the shots where they are fewer; the steps follow."""
    num: int = 1000
    """Samples, and held-out images at most, in the judgement."""
    only_table: bool = False
    """Compute nothing: write the table and the plots from the existing rows."""
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

    def name(self, guidance: float = 1.0) -> str:
        """Name by which its row of this guidance is found again."""
        return f"{self.pair}/{self.family}/{self.label(guidance)}/{self.shots}/{self.seed}"

    def label(self, guidance: float = 1.0) -> str:
        """Its transfer and the guidance, as the table has them."""
        return self.transfer if guidance == 1 else f"{self.transfer} w {guidance:g}"


def cells(settings: Benchmark) -> Iterator[Cell]:
    """Yields all cells, seed by seed, so that a stopped benchmark is of use."""
    for pair in settings.pairs:
        for seed in range(settings.seeds):
            for family in settings.families:
                for shots in settings.shots:
                    for transfer in settings.transfers:
                        if transfer not in NOT_FOR[family]:
                            yield Cell(pair, family, transfer, shots, seed)


def guidances(settings: Benchmark, cell: Cell) -> tuple[float, ...]:
    """Returns the weights of guidance that an adaptation is drawn with, a row each."""
    return settings.guidances if cell.family == "flow" and cell.transfer != UNADAPTED else (1.0,)


class Adapted(NamedTuple):
    """A run to judge, and what its adaptation cost.

    Attributes:
        run: folder of the run.
        steps: steps of the adaptation.
        images_seen: images in those steps.
        trained: trained numbers of what makes the images.
        bytes: bytes of these on disk.
    """

    run: Path
    steps: int = 0
    images_seen: int = 0
    trained: int = 0
    bytes: int = 0


def run_cell(settings: Benchmark, cell: Cell, weights: Sequence[float]) -> Iterator[dict[str, Any] | None]:
    """Runs a cell and judges it with each weight of guidance; yields their rows, or None if a signal stopped it."""
    source = pretrained(settings, cell)
    if source is None:
        yield None
        return
    say(f"\n{cell.name()}")
    began = time.monotonic()
    adapted = Adapted(source) if cell.transfer == UNADAPTED else adaptation(settings, cell, source)
    if adapted is None:
        yield None
        return
    seconds = time.monotonic() - began
    source_set, target, _, _ = PAIRS[cell.pair]
    for weight in weights:
        records = judge(settings, cell, source, adapted.run, weight)
        yield {
            "cell": cell.name(weight),
            **dataclasses.asdict(cell),
            "transfer": cell.label(weight),
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
    """Adapts the source to the shots; None if a signal stopped it."""
    target = PAIRS[cell.pair].target
    out, batch = settings.out / "cell", min(settings.batch, cell.shots)
    steps = settings.images // batch
    shutil.rmtree(out, ignore_errors=True)
    config = AdaptConfig(
        source=source,
        data=target,
        shots=cell.shots,
        transfer=(Replay(forgetting=1.0),) if cell.transfer == FORGETTING else cell.transfer,
        batch=batch,
        steps=steps,
        sample_every=steps,
        save_every=steps,
        evaluate_every=0,  # choosing a step by held-out images would flatter the result
        seed=cell.seed,
        out=out,
    )
    outcome = adapt(config)
    if outcome.signal is not None:
        return None
    published = FAMILIES[cell.family].published(read_model_config(out))
    return Adapted(
        out,
        steps,
        steps * batch,
        trained=sum(count(outcome.state.trainable[network]) for network in published),
        bytes=sum(
            path.stat().st_size
            for network in published
            for path in RunFolder(out).model().glob(f"{network}-*.safetensors")
        ),
    )


def judge(settings: Benchmark, cell: Cell, source: Path, run: Path, guidance: float) -> list[Record]:
    """Compares samples, drawn with this guidance away from the source, with held-out images, shots and the source."""
    _, target, size, channels = PAIRS[cell.pair]
    held_out = known(target, size=size, channels=channels, split="test")
    guided = {} if guidance == 1 else {"guide": "source", "drawing": FlowDrawing(guidance=guidance)}
    shots = few_shot(known(target, size=size, channels=channels, seed=cell.seed), cell.shots, cell.seed)
    return evaluate_images(
        held_out.images[np.arange(min(settings.num, len(held_out)))],
        sample_run(run, settings.num, seed=cell.seed, **guided),
        extractor=load_extractor("embedded-v1"),
        metrics=[name for name in JUDGED if name in METRICS],
        train_images=shots.images[:],
        source_images=sample_run(source, settings.num, seed=cell.seed),
        data=target,
        split="test",
        seed=cell.seed,
        intervals=(),  # intervals are over seeds, in the table
        cache=backend.cache_folder(),
    )


def pretrained(settings: Benchmark, cell: Cell) -> Path | None:
    """Trains the source of a cell, one for all transfers, shots and seeds; None if a signal stopped it."""
    source_set, _, size, channels = PAIRS[cell.pair]
    out = settings.out / "sources" / f"{cell.pair}-{cell.family}"
    config = TrainConfig(
        data=source_set,
        split="all",
        model=FLOW if cell.family == "flow" else cell.family,
        size=size,
        channels=channels,
        steps=settings.source_steps,
        sample_every=settings.source_steps,
        evaluate_every=0,
        out=out,
    )
    return out if trained(config) else None


def budget(settings: Benchmark) -> dict[str, int]:
    """Settings that all cells of a folder share."""
    return {name: getattr(settings, name) for name in ("images", "batch", "num", "source_steps")}
