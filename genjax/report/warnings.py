"""What a reader of a report must know before the numbers and the pictures: in plain words, the gravest first."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from genjax.evaluate import Record, small_sample_warnings
from genjax.evaluate.metrics.stability import collapse_step

FEW_IMAGES = 100  # to train on, under which a model can learn each by heart
FEW_HELD_OUT = 50
EXPECTED_NEAR = 0.05  # of held-out images, and so of samples, by the definition of "near"
MANY_NEAR = 0.10
ALIKE = 0.5  # of the distance between real images, under which samples are called alike
LITTLE_COVERED = 0.1
WORSE = 1.5  # times the best evaluation
NO_INFORMATION = 0.1  # nats for each image
CHARACTERS = ("digits", "glyphs")  # sets of the kind that embedded-v1 was trained on
DIVERSITY = ("evaluate/coverage", "evaluate/recall", "evaluate/vendi")  # beginnings of names of such values


class Likeness(NamedTuple):
    """How samples lie among real images, in features.

    Attributes:
        near: part of the samples nearer to a training image than 95 % of the held-out images are; None if unknown.
        equal: samples that are a training image, pixel for pixel or nearly.
        spread: mean distance between samples, as a multiple of that between real images.
        n: samples looked at.
    """

    near: float | None
    equal: int
    spread: float
    n: int


def image_warnings(n_train: int, n_held_out: int, *, split: str) -> list[str]:
    """Of the sets that a run was trained on and is judged against."""
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
    """Copies, and samples that are all alike."""
    said = []
    if likeness.equal:
        verb = "sample is a training image" if likeness.equal == 1 else "samples are training images"
        said.append(f"Copies: {likeness.equal} of {likeness.n} {verb}, pixel for pixel or nearly.")
    if likeness.near is not None and likeness.near > MANY_NEAR:
        said.append(
            f"Copies are likely: {likeness.near:.0%} of the samples lie nearer to a training image than 95 % of the"
            f" held-out images do. Of new images it would be {EXPECTED_NEAR:.0%}."
        )
    if likeness.spread < ALIKE:
        said.append(
            f"Collapse: the samples differ from each other only {likeness.spread:.0%} as much as real images do."
        )
    return said


def record_warnings(records: Sequence[Record], *, data: str) -> list[str]:
    """Of the evaluation: too few images, little covered, and features that were made for other pictures."""
    covered = [record for record in records if record.name.startswith("coverage[") and record.value < LITTLE_COVERED]
    said = [
        f"The samples come near to {record.value:.0%} of the held-out images only ({record.name}). The rest is missing"
        " or looks wrong."
        for record in covered
    ]
    said += merged(small_sample_warnings(records))
    if records and records[0].extractor == "embedded-v1" and data.partition(":")[0] not in CHARACTERS:
        said.append(
            "The metrics use embedded-v1, a network that knows handwritten and typeset characters. On other pictures"
            " they are a rough hint."
        )
    return said


def merged(warnings: Sequence[str]) -> list[str]:
    """Warnings that differ in the name at their beginning only, as one with all the names."""
    names: dict[str, list[str]] = {}
    for warning in warnings:
        name, _, rest = warning.partition(" from ")
        names.setdefault(rest, []).append(name)
    return [f"{', '.join(group)} from {rest}" for rest, group in names.items()]


def training_warnings(lines: Sequence[Mapping[str, Any]], *, steps: int, step: int) -> list[str]:
    """Of what metrics.jsonl says: divergence, collapse, a better model on the way, an end that was not reached."""
    said = []
    broken = [line["step"] for line in lines if not all(math.isfinite(value) for value in line.values())]
    if broken:
        said.append(
            f"Diverged: {len(broken)} lines of the log hold numbers that are not finite, first at step {broken[0]}."
        )
    for name in dict.fromkeys(name for line in lines for name in line if name.startswith(DIVERSITY)):
        collapsed = collapse_step(lines, name)
        if collapsed is not None:
            said.append(f"Collapse: from step {collapsed} on {name} stays under half of its peak.")
    said += _past_its_best(lines)
    kl = [line["loss/kl"] for line in lines if "loss/kl" in line]
    if kl and kl[-1] < NO_INFORMATION:
        said.append(
            f"Collapse: the latents carry {kl[-1]:.2g} nats for each image, so that the decoder hardly uses them."
        )
    if step < steps:
        said.append(f"Not finished: step {step} of {steps}.")
    return said  # fmt: skip


def _past_its_best(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """Whether the model got worse again; evaluations along training are distances, lower is better."""
    said = []
    for name in dict.fromkeys(n for line in lines for n in line if n.startswith(("evaluate/KD", "evaluate/KID"))):
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
    """How samples lie among training images.

    Args:
        samples: (n, h, w, c), uint8.
        nearest: the training image nearest to each, in the same form.
        distances: (n,), to those.
        usual: distance of each held-out image (m,) to its nearest training image; None or few without an answer.
        spread: see `Likeness`.
    """
    near = None
    if usual is not None and len(usual) >= FEW_HELD_OUT:
        near = float((distances < np.quantile(usual, EXPECTED_NEAR)).mean())
    difference = np.abs(samples.astype(np.int16) - nearest).mean(axis=(1, 2, 3))
    return Likeness(near, int((difference <= 2).sum()), spread, len(samples))
