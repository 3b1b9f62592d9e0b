"""The exact facts of a run, by which it can be repeated: what was trained on what, in words and numbers."""

from collections.abc import Mapping
from typing import Any

from genjax.config import AdaptConfig, ImportConfig, TrainConfig
from genjax.data import Dataset
from genjax.evaluate.sampling import Loaded
from genjax.families.registry import FAMILIES
from genjax.transfer.registry import names
from genjax.tree import count


def summary(config: TrainConfig | AdaptConfig | ImportConfig, train: Dataset | None, loaded: Loaded) -> str:
    """Describes the run in a sentence."""
    model = loaded.model.config
    captioned = "captioned " if model.condition.kind == "text" else ""
    number = "" if train is None else f"{len(train):,} {captioned}images of "
    kind = f"A {FAMILIES[model.family].label} of {model.size}x{model.size} pixels"
    if isinstance(config, ImportConfig):
        return f"{kind}, imported from {config.checkpoint}."
    if isinstance(config, AdaptConfig):
        transfer = names(config.transfers)
        return f"{kind}, adapted from {config.source} to {number}{config.data} (transfer {transfer})."
    return f"{kind}, trained on {number}{config.data}."


def facts(
    values: Mapping[str, Any],
    config: TrainConfig | AdaptConfig | ImportConfig,
    loaded: Loaded,
    *,
    train: Dataset | None,
    held_out: Dataset | None,
) -> tuple[tuple[str, str], ...]:
    """Returns (name, value) for the table of a report.

    Args:
        values: content of config.json.
        config: of the run.
        loaded: model of the run.
        train: images that it was trained on; None if they cannot be read any more.
        held_out: images that it was not trained on; None without.
    """
    model, stages = loaded.model, FAMILIES[loaded.model.config.family].stage_networks(loaded.model.config)
    numbers = ", ".join(f"{name} {count(tree):,}" for name, tree in model.networks.items())
    made = ("Model", f"{model.config.family}; parameters on disk: {numbers}; {model.config.dtype}")
    identity, version = ("sha256 of the model", model.identity), ("genjax", str(values.get("version", "unknown")))
    if isinstance(config, ImportConfig):
        return ("Checkpoint", config.checkpoint), made, identity, *loaded.trained.facts, version
    batch = config.batch or min(model.config.batch, len(train) if train else model.config.batch)
    trained = f"{model.step:,} of {config.steps:,} steps, {batch} images each"
    seen = "images and captions" if model.config.condition.kind == "text" else "images"
    rows = [
        ("Images", config.data if train is None else described_set(train)),
        (f"sha256 of the {seen}", str(values.get("data_hash", "unknown"))),
        ("Held out", "none" if held_out is None else described_set(held_out)),
        made,
        identity,
        *(_adaptation(config) if isinstance(config, AdaptConfig) else ()),
        *loaded.trained.facts,
        *([("Trained", trained)] if len(stages) == 1 else [("Batch", f"{batch} images")]),
        ("Seed", str(config.seed)),
        version,
    ]
    return tuple(rows)


def _adaptation(config: AdaptConfig) -> list[tuple[str, str]]:
    shots = f"{config.shots} shots" if config.shots else "all images"
    return [("Source", str(config.source)), ("Transfer", f"{names(config.transfers)}, {shots}")]


def described_set(images: Dataset) -> str:
    """Describes a set in words: name, number, part, shape, classes."""
    height, width, channels = images.images.shape[1:]
    classes = f", {images.classes_in_words}" if images.class_names else ""
    return f"{images.name}, {len(images):,} of the {images.split} part, {height}x{width}x{channels}{classes}"
