"""Where a run came from: the images that it was trained on, those that it was not, and its source."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from genjax.config import AdaptConfig, ModelConfig, TrainConfig, read_json
from genjax.data import Dataset, few_shot, load
from genjax.errors import InputError
from genjax.evaluate.sampling import sample_run
from genjax.store.model import load_model
from genjax.store.run_folder import RunFolder
from genjax.training.plan import held_out_images


class Real(NamedTuple):
    """The real images of a run, as far as they are still to be had.

    Attributes:
        train: what it was trained on; None if that cannot be read.
        held_out: what it was not trained on; None without.
        notes: warnings.
    """

    train: Dataset | None
    held_out: Dataset | None
    notes: tuple[str, ...] = ()


def training_images(config: TrainConfig | AdaptConfig, model: ModelConfig) -> Dataset:
    """The images that a run was trained on, the shots of an adaptation.

    Raises:
        InputError: they cannot be read any more.
    """
    split = config.split if isinstance(config, TrainConfig) else "train"
    images = load(
        config.data,
        size=model.size,
        channels=model.channels,
        split=split,
        num=config.num_images,
        seed=config.seed,
        skip_broken=config.skip_broken,
    )
    if isinstance(config, AdaptConfig) and config.shots:
        images = few_shot(images, config.shots, config.seed, stratify=config.stratify)
    return images


def real_images(config: TrainConfig | AdaptConfig, model: ModelConfig, data_hash: str) -> Real:
    """The images that a run was trained on, and those that it was not; what is missing becomes a note."""
    try:
        train = training_images(config, model)
    except InputError as error:
        return Real(None, None, (f"The training images cannot be read, and what needs them is left out: {error}",))
    notes = []
    if train.content_hash() != data_hash:
        notes.append(
            f"The images of {config.data} have changed since this run: what is shown of them is not what it saw."
        )
    held_out = None
    if isinstance(config, AdaptConfig) or config.split == "train":
        try:
            held_out = held_out_images(config, model)
        except InputError as error:
            notes.append(f"Nothing is held out: {error}")
    return Real(train, held_out, tuple(notes))  # fmt: skip


def source_samples(run: Path, num: int, *, seed: int = 0, source: Path | None = None) -> np.ndarray:
    """What the source of an adaptation makes of the latents of a seed: (num, h, w, c), uint8.

    Args:
        run: the adaptation.
        num: how many.
        seed: of the latents: those of `sample_run`.
        source: where the source lies, if it has been moved.
    Raises:
        InputError: the source is missing, or has been trained further since.
    """
    try:
        entry = read_json(RunFolder(run).model() / "model.json")["source"]
        place = source or run / entry["path"]
        identity = entry["identity"]
    except (KeyError, TypeError):
        raise InputError(f"{run} does not say what it was adapted from. Evaluate a run that was adapted.") from None
    if load_model(place, sampled_only=True).identity != identity:
        raise InputError(f"{place} has been trained further since {run} was adapted from it.")
    return sample_run(place, num, seed=seed)
