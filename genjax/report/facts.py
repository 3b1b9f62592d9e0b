"""What was trained on what, in words and exact numbers: the part of a report by which a run can be repeated."""

from collections.abc import Mapping
from typing import Any

from genjax.config import AdaptConfig, TrainConfig
from genjax.data import Dataset
from genjax.store.model import Model
from genjax.tree import count

FAMILIES = {"gan": "GAN", "vae": "VAE"}


def summary(config: TrainConfig | AdaptConfig, train: Dataset | None, model: Model) -> str:
    """The run in a sentence."""
    number = "" if train is None else f"{len(train):,} images of "
    family = f"A {FAMILIES.get(model.config.family, model.config.family)}"
    size = f"{model.config.size}x{model.config.size} pixels"
    if isinstance(config, AdaptConfig):
        return (
            f"{family} of {size}, adapted from {config.source} to {number}{config.data} (transfer {config.transfer})."
        )
    return f"{family} of {size}, trained on {number}{config.data}."


def facts(
    values: Mapping[str, Any],
    config: TrainConfig | AdaptConfig,
    model: Model,
    *,
    train: Dataset | None,
    held_out: Dataset | None,
) -> tuple[tuple[str, str], ...]:
    """(name, value) for the table of a report.

    Args:
        values: of config.json.
        config: of the run.
        model: of the run.
        train: what it was trained on; None if that cannot be read any more.
        held_out: what it was not trained on; None without.
    """
    batch = config.batch or min(model.config.batch, len(train) if train else model.config.batch)
    numbers = ", ".join(f"{name} {count(tree):,}" for name, tree in model.networks.items())
    rows = [
        ("Images", config.data if train is None else described_set(train)),
        ("sha256 of the images", str(values.get("data_hash", "unknown"))),
        ("Held out", "none" if held_out is None else described_set(held_out)),
        ("Model", f"{model.config.family}; parameters on disk: {numbers}; {model.config.dtype}"),
        ("sha256 of the model", model.identity),
        *(_adaptation(config) if isinstance(config, AdaptConfig) else ()),
        ("Trained", f"{model.step:,} of {config.steps:,} steps, {batch} images each"),
        ("Seed", str(config.seed)),
        ("genjax", str(values.get("version", "unknown"))),
    ]
    return tuple(rows)


def _adaptation(config: AdaptConfig) -> list[tuple[str, str]]:
    shots = f"{config.shots} shots" if config.shots else "all images"
    return [("Source", str(config.source)), ("Transfer", f"{config.transfer}, {shots}")]


def described_set(images: Dataset) -> str:
    height, width, channels = images.images.shape[1:]
    classes = f", {len(images.class_names)} classes" if images.class_names else ""
    return f"{images.name}, {len(images):,} of the {images.split} part, {height}x{width}x{channels}{classes}"
