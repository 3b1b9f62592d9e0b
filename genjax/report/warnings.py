"""Warnings at the top of a report: copies, collapse, divergence, sets too small to judge by, in plain words."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from genjax.evaluate import Record, caveat_warnings, plain_words, small_sample_warnings
from genjax.evaluate.metrics.memorisation import NEAR, near_training
from genjax.evaluate.metrics.stability import collapse_step

FEW_IMAGES = 100  # training images, under which a model can learn each by heart
FEW_HELD_OUT = 50
MANY_NEAR = 0.10  # share of samples that are near, above which copies are likely
ALIKE = 0.5  # ratio of distances between samples to those between real images, under which samples are all alike
LITTLE_COVERED = 0.1  # coverage under which most of the held-out images are missing
WORSE = 1.5  # ratio of the last to the best evaluation, above which the model got worse again
NO_INFORMATION = 0.1  # KL in nats per image, under which a decoder hardly uses the latents
NEARLY_EQUAL = 2  # mean difference in grey levels, up to which a sample is a training image
CHARACTERS = ("digits", "glyphs")  # sets of the kind that embedded-v1 was trained on
KERNEL = ("evaluate/KD", "evaluate/KID")  # beginnings of the names of kernel distances, which choose the best model
DIVERSITY = ("evaluate/coverage", "evaluate/recall", "evaluate/vendi")  # beginnings of names of such values


class Likeness(NamedTuple):
    """Distances of samples to training images and to each other, by which copies and collapse show.

    Attributes:
        near: share of the samples nearer to a training image than 95 % of the held-out images are; None if unknown.
        equal: number of samples that are a training image, pixel for pixel or nearly.
        spread: mean distance between samples, as a multiple of that between real images.
        n: number of samples looked at.
    """

    near: float | None
    equal: int
    spread: float
    n: int


def image_warnings(n_train: int, n_held_out: int, *, split: str) -> list[str]:
    """Warns of sets that are too small to train on or to judge by.

    Args:
        n_train: number of training images.
        n_held_out: number of held-out images; 0 without any.
        split: part of the set that was trained on, train or all.
    """
    said = []
    if not n_held_out:
        reason = " (--split all)" if split == "all" else ""
        said.append(
            f"No images are held out{reason}, so nothing here says whether the model does more than repeat what it"
            " was shown."
        )
    elif n_held_out < FEW_HELD_OUT:
        said.append(
            f"Only {n_held_out} {'image is' if n_held_out == 1 else 'images are'} held out. Every number of the"
            " evaluation is a rough guess."
        )
    if n_train < FEW_IMAGES:
        said.append(
            f"Only {n_train} {'image was' if n_train == 1 else 'images were'} trained on: few enough to be learned by"
            " heart. Look at the nearest training images."
        )
    return said


def likeness_warnings(likeness: Likeness) -> list[str]:
    """Warns of copies, and of samples that are all alike."""
    said = []
    if likeness.equal:
        verb = "sample is a training image" if likeness.equal == 1 else "samples are training images"
        said.append(f"Copies: {likeness.equal} of {likeness.n} {verb}, pixel for pixel or nearly.")
    if likeness.near is not None and likeness.near > MANY_NEAR:
        said.append(
            f"Copies are likely: {likeness.near:.0%} of the samples lie nearer to a training image than 95 % of the"
            f" held-out images do. Of new images it would be {NEAR:.0%}."
        )
    if likeness.spread < ALIKE:
        said.append(
            f"Collapse: the samples differ from each other only {likeness.spread:.0%} as much as real images do."
        )
    return said


def record_warnings(records: Sequence[Record], *, data: str) -> list[str]:
    """Warns of low coverage, of records from few images, and of a feature network made for other pictures.

    Args:
        records: records of the evaluation.
        data: data set of the run, as given to --data.
    """
    covered = [record for record in records if record.name.startswith("coverage[") and record.value < LITTLE_COVERED]
    said = [
        f"The samples come near to {record.value:.0%} of the held-out images only ({record.name}). The rest is missing"
        " or looks wrong."
        for record in covered
    ]
    said += [*plain_words(records), *caveat_warnings(records), *merged(small_sample_warnings(records))]
    if records and records[0].extractor == "embedded-v1" and data.partition(":")[0] not in CHARACTERS:
        said.append(
            "The metrics use embedded-v1, a network that knows handwritten and typeset characters. On other pictures"
            " they are a rough hint."
        )
    return said


def merged(warnings: Sequence[str]) -> list[str]:
    """Merges warnings that differ in the name at their beginning only into one with all the names."""
    names: dict[str, list[str]] = {}
    for warning in warnings:
        name, _, rest = warning.partition(" from ")
        names.setdefault(rest, []).append(name)
    return [f"{', '.join(group)} from {rest}" for rest, group in names.items()]


def training_warnings(
    lines: Sequence[Mapping[str, Any]], *, steps: int, step: int, best: int | None = None
) -> list[str]:
    """Warns of divergence, collapse, a better model on the way, and an end that was not reached.

    Args:
        lines: lines of metrics.jsonl, in order.
        steps: steps that the run was asked for.
        step: step of the model that is shown.
        best: step of the best model; None without one.
    """
    said = []
    broken = [line["step"] for line in lines if not all(math.isfinite(value) for value in line.values())]
    if broken:
        said.append(
            f"Diverged: {len(broken)} lines of the log hold numbers that are not finite, first at step {broken[0]}."
        )
    trained = [line for line in lines if line["step"]]  # a source may be more diverse than its target: no collapse
    for name in dict.fromkeys(name for line in trained for name in line if name.startswith(DIVERSITY)):
        collapsed = collapse_step(trained, name)
        if collapsed is not None:
            said.append(f"Collapse: from step {collapsed} on {name} stays under half of its peak.")
    harm = source_is_best(lines, best)
    said += [f"{harm[0].upper()}{harm[1:]}."] if harm else _past_its_best(trained)
    kl = [line["loss/kl"] for line in lines if "loss/kl" in line]
    if kl and kl[-1] < NO_INFORMATION:
        said.append(
            f"Collapse: the latents carry {kl[-1]:.2g} nats for each image, so that the decoder hardly uses them."
        )
    if step < steps:
        said.append(f"Not finished: step {step} of {steps}.")
    return said  # fmt: skip


def source_is_best(lines: Sequence[Mapping[str, Any]], best: int | None, *, images: str = "the held-out images") -> str:
    """Says that no step of an adaptation came nearer to its held-out images than its source; empty where one did.

    Args:
        lines: lines of metrics.jsonl, in order; that of step 0 is the source's.
        best: step of the best model; None without one.
        images: what was compared with, in words.
    """
    source = next((line for line in lines if line["step"] == 0), {})
    name = next((name for name in source if name.startswith(KERNEL)), "")
    if best != 0 or not name:
        return ""
    own = min((line[name] for line in lines if line["step"] and math.isfinite(line.get(name, math.nan))), default=None)
    numbers = f"{name.removeprefix('evaluate/')} {source[name]:.3g}"
    numbers += "" if own is None else f", its own best {own:.3g}"
    return f"no step of the adaptation came nearer to {images} than the source ({numbers}): model/best is the source"


def _past_its_best(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """Warns if the model got worse again, by the kernel distances along training, of which lower is better."""
    said = []
    for name in dict.fromkeys(n for line in lines for n in line if n.startswith(KERNEL)):
        if name.endswith(("/low", "/high")):
            continue
        known = [(line[name], line["step"]) for line in lines if name in line and math.isfinite(line[name])]
        (best, when), final = min(known, default=(math.inf, 0)), known[-1][0] if known else math.inf
        if len(known) > 1 and best > 0 and final > WORSE * best:
            said.append(
                f"The model was better before: {name.removeprefix('evaluate/')} was {best:.3g} at step {when} and is"
                f" {final:.3g} at the end. Use --which best to sample from that one."
            )
    return said


def likeness(
    samples: np.ndarray, nearest: np.ndarray, *, distances: np.ndarray, usual: np.ndarray | None, spread: float
) -> Likeness:
    """Measures how near samples are to training images.

    Args:
        samples: images (n, h, w, c), uint8.
        nearest: training image nearest to each sample, (n, h, w, c), uint8.
        distances: distances (n,) to those in feature space.
        usual: distances (m,) of held-out images to their nearest training images; None, or fewer than `FEW_HELD_OUT`
            above 0, leave `Likeness.near` unknown.
        spread: value of `Likeness.spread`, which needs features.
    """
    near = None
    if usual is not None and (usual > 0).sum() >= FEW_HELD_OUT:
        near = float(near_training(distances, usual).mean())
    difference = np.abs(samples.astype(np.int16) - nearest).mean(axis=(1, 2, 3))
    return Likeness(near, int((difference <= NEARLY_EQUAL).sum()), spread, len(samples))
