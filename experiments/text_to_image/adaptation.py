"""Adaptation of the text-to-image model to few handwritten digits, by several transfers.

Each cell adapts the same trained model to shots of `digits:captioned` by one transfer of the prior, and draws the
captions of the held-out digits. Judged by the kernel distance to those, by a classifier of handwritten digits that was
trained on the other part of the set, and by how many samples are copies of the shots. A finished cell is kept, and is
not computed again.
"""

import dataclasses
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from experiments.common.intervals import mean_interval
from experiments.text_to_image.judges import Judge, load_judge
from experiments.text_to_image.settings import Experiment, judges_of, run_config
from genjax.config import AdaptConfig, TextToImageAdaptation
from genjax.data import Dataset, few_shot, load
from genjax.errors import InputError
from genjax.evaluate import evaluate_images, load_extractor
from genjax.evaluate.attribute_classifier import make_classifier, read_attributes
from genjax.evaluate.attributes import agreement
from genjax.families.registry import build_transfers
from genjax.families.text_to_image.model import TextToImage, text_to_image
from genjax.models.features.attributes import AttributeClassifier
from genjax.store.model import load_model
from genjax.store.run_folder import write_bytes
from genjax.terminal import say
from genjax.training.loop import adapt
from genjax.tree import count

DATA = "digits:captioned"
STEPS, BATCH = 300, 10  # updates of the prior and images in each, the same in every cell, so that all see as many
WAYS = {  # name -> (transfer of the prior, updates of the tokenizer's decoder)
    "full": ("full", 0),
    "lora": ("lora", 0),
    "scale_shift": ("scale_shift", 0),
    "l2_sp": ("l2_sp", 0),
    "full, decoder": ("full", STEPS),
}
SHOTS, SEEDS = (10, 100), (0, 1, 2)
Measure = Callable[[TextToImage, np.ndarray], dict[str, Any]]  # (adapted, its shots) -> what was measured
DIGITS = {"digit": tuple(range(10))}


def digit_judge(settings: Experiment) -> Judge:
    """Makes the classifier of handwritten digits."""
    data = load(DATA, size=32)
    learner = make_classifier(digit_classifier(settings), optimizer=optax.adamw(1e-3))
    columns = {"image": data.images, "digit": labels_of(data)}
    return Judge("digits", learner, columns, settings.classifier_steps // 2, {})


def digit_classifier(settings: Experiment) -> AttributeClassifier:
    """Builds the network that reads handwritten digits."""
    return AttributeClassifier((("digit", 10),), 32, width=4 if settings.quick else 16)


def labels_of(data: Dataset) -> np.ndarray:
    """Lists the digit that each image shows."""
    return np.asarray(data.labels, np.int32)


def adaptation_figures(settings: Experiment, model: TextToImage, folder: Path) -> dict[str, Any]:
    """Judges real images, the source and each cell."""
    held_out = load(DATA, size=32, split="test", num=24 if settings.quick else 0)
    real = np.asarray(held_out.images)
    params = load_judge(judges_of(settings), "digits")

    def judged(images: np.ndarray, shots: np.ndarray | None = None) -> dict[str, Any]:
        read = read_attributes(digit_classifier(settings), params, images, DIGITS)
        metrics = ["kd"] if shots is None else ["kd", "copy_rate"]
        records = evaluate_images(
            real, images, extractor=load_extractor("embedded-v1"), metrics=metrics, train_images=shots
        )
        share = agreement(read, {"digit": labels_of(held_out)})["digit"]
        return {"read": share} | {name: record.value for name, record in zip(metrics, records, strict=True)}

    def drawn(some: TextToImage) -> np.ndarray:
        return some.sample(held_out.captions, jax.random.key(settings.seed + 7), candidates=1).images

    path = folder / "adaptation.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    for cell in cells(settings):
        if any(row["cell"] == dataclasses.asdict(cell) for row in rows):
            continue
        say(f"adapting {cell.way}, {cell.shots} shots, seed {cell.seed}")
        rows.append(adapted_row(cell, settings, model, folder, lambda some, shots: judged(drawn(some), shots)))
        write_bytes(path, "".join(json.dumps(row) + "\n" for row in rows).encode())
    return {"real": judged(real), "source": judged(drawn(model)), "n": len(real), "cells": rows}


@dataclasses.dataclass(frozen=True)
class Cell:
    """One adaptation."""

    way: str
    shots: int
    seed: int
    steps: int


def cells(settings: Experiment) -> Iterator[Cell]:
    """Yields all cells; in the quick form two."""
    if settings.quick:
        yield from (Cell(way, 10, 0, 2) for way in ("lora", "full, decoder"))
        return
    for seed in SEEDS:
        yield from (Cell(way, shots, seed, STEPS) for shots in SHOTS for way in WAYS)


def adapted_row(cell: Cell, settings: Experiment, model: TextToImage, folder: Path, measure: Measure) -> dict[str, Any]:
    """Adapts and judges one cell; returns its row and deletes its folder."""
    transfer, decoder = WAYS[cell.way]
    config = AdaptConfig(
        source=run_config(settings).out,
        data=DATA,
        shots=cell.shots,
        transfer=transfer,
        adaptation=TextToImageAdaptation(tokenizer_steps=min(decoder, cell.steps), prior_steps=cell.steps),
        sample_every=cell.steps,
        evaluate_every=0,
        batch=BATCH,
        seed=cell.seed,
        out=folder / "adapted",
    )
    began = time.monotonic()
    ended = adapt(config, force=True)
    if ended.signal is not None:
        raise KeyboardInterrupt
    if ended.collapse:
        raise InputError(ended.collapse)
    seconds = time.monotonic() - began
    trained, _ = build_transfers(transfer, model.config)["prior"].init(model.networks["prior"], jax.random.key(0))
    shots = few_shot(load(DATA, size=32, seed=cell.seed), cell.shots, cell.seed)
    found = measure(text_to_image(load_model(config.out)), np.asarray(shots.images))
    shutil.rmtree(config.out)
    return {"cell": dataclasses.asdict(cell), "trained": count(trained), "seconds": seconds, **found}


def adaptation_table(figures: dict[str, Any]) -> list[str]:
    """Writes means over seeds with their 95 % intervals."""
    lines = [
        f"Adapted to handwritten digits by {STEPS} updates of the prior with {BATCH} images each;"
        f" {figures['n']} captions of held-out digits drawn, one each; intervals over seeds, or over images where there"
        " is one.",
        "",
        "| adapted by | shots | trained of the prior | digit read as asked, % | kernel distance | copies, % | seeds |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in ("real", "source"):
        share, low, high = (100 * value for value in figures[name]["read"])
        lines.append(f"| {name} | | | {share:.1f} ({low:.1f}, {high:.1f}) | {figures[name]['kd']:.3f} | | |")
    groups: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for row in figures["cells"]:
        groups.setdefault((row["cell"]["shots"], row["cell"]["way"]), []).append(row)
    for (shots, way), rows in sorted(groups.items(), key=lambda group: group[0][0]):
        read, distance = ([100 * row["read"][0] for row in rows], [row["kd"] for row in rows])
        copies = [100 * row["copy_rate"] for row in rows]
        numbers = (shown(read, ".1f"), shown(distance, ".3f"), shown(copies, ".1f"))
        line = (way, shots, f"{rows[0]['trained']:,}", *numbers, len(rows))
        lines.append("| " + " | ".join(map(str, line)) + " |")
    return [*lines, ""]


def shown(values: list[float], form: str) -> str:
    """Formats mean and half interval over seeds: `12.3 ± 4.5`."""
    mean, half = mean_interval(values)
    return f"{mean:{form}}" + ("" if np.isnan(half) else f" ± {half:{form}}")
