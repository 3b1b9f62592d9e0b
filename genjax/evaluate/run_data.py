"""The images of a run: those that it was trained on, those that were held out, and its source's."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from genjax.config.run import AdaptConfig, ImportConfig, TrainConfig
from genjax.data import Dataset, few_shot, load
from genjax.data.captioned import load_captioned
from genjax.data.named_shots import rest_of, shots_named
from genjax.errors import InputError
from genjax.evaluate.sampling import Loaded, draw_loaded, load_source
from genjax.families.model import ModelConfig
from genjax.families.registry import FAMILIES
from genjax.json_config import read_json
from genjax.store.run_config import run_config
from genjax.store.run_folder import RunFolder


class Real(NamedTuple):
    """The real images of a run, as far as they are still to be had.

    Attributes:
        train: images that it was trained on; None if they cannot be read.
        held_out: images that it was not trained on; None without.
        notes: warnings.
    """

    train: Dataset | None
    held_out: Dataset | None
    notes: tuple[str, ...] = ()


def load_images(condition: str, data: str, **request: Any) -> Dataset:
    """Loads the images that a model is trained or judged on, with captions where it needs them.

    Args:
        condition: its kind: none, class or text.
        data: name of the set.
        request: size, channels, split, num, seed, ..., as in `genjax.data.load`.
    Raises:
        InputError: no such set, or one without captions for a model of texts.
    """
    if condition == "text":
        return load_captioned(data, **request)
    request["captions"] = "unneeded"
    return load(data, **request)


def images_hash(condition: str, images: Dataset) -> str:
    """Returns the sha256 of all that a model of this kind of condition sees of a set, in hex."""
    if condition != "text":
        return images.content_hash()
    digest = hashlib.sha256(images.content_hash().encode())
    digest.update("\n".join(images.captions).encode())
    return digest.hexdigest()


def training_images(config: TrainConfig | AdaptConfig, model: ModelConfig) -> Dataset:
    """Loads the images that a run was trained on, the shots of an adaptation.

    Raises:
        InputError: they cannot be read any more.
    """
    images = load_images(
        model.condition.kind,
        config.data,
        size=model.size,
        channels=model.channels,
        split=training_split(config),
        num=config.num_images,
        seed=config.seed,
        **config.reading,
    )
    return shots_of(config, images) if isinstance(config, AdaptConfig) else images


def training_split(config: TrainConfig | AdaptConfig) -> str:
    """Returns the part of its set that a run trains on; shots by name are taken from all of it."""
    if isinstance(config, TrainConfig):
        return config.split
    return "all" if config.shots_of else "train"


def shots_of(config: AdaptConfig, images: Dataset) -> Dataset:
    """Returns the images of a set that an adaptation trains on: all, or its shots."""
    if config.shots_of:
        return shots_named(images, config.shots_of)
    return few_shot(images, config.shots, config.seed, stratify=config.stratify) if config.shots else images


def found_images(run: Path, model: ModelConfig, *, elsewhere: str) -> Dataset:
    """Loads the images that a run was trained on from where they were, or from another set that has them by their hash.

    Args:
        run: its folder.
        model: config of its model.
        elsewhere: name of the other set.
    Raises:
        InputError: they can be read in neither.
    """
    config = run_config(RunFolder(run))
    if isinstance(config, ImportConfig):
        raise InputError(
            f"{run} was imported, and the images that it was trained on are not here: nothing can be said of copies of"
            " them. Leave out the metrics that ask for them."
        )
    try:
        return training_images(config, model)
    except InputError:
        with suppress(InputError):
            images = training_images(dataclasses.replace(config, data=elsewhere), model)
            if images_hash(model.condition.kind, images) == saved_data_hash(run):
                return images
        raise


def numbers_changed(begun: Mapping[str, Any], now: int) -> str:
    """Returns how many images there were when a run was begun and are now, for a message; nothing where unknown.

    Args:
        begun: what the run says of its beginning; older runs do not say how many images they had.
        now: number of images.
    """
    before = begun.get("images")
    if not isinstance(before, int):
        return ""
    return f" ({before} images then, {now} now)" if before != now else f" ({now} images, not all of them the same)"


def held_out_images(config: TrainConfig | AdaptConfig, model: ModelConfig, *, quiet: bool = False) -> Dataset:
    """Loads the images that a run's set holds out.

    Args:
        config: of the run.
        model: config of its model.
        quiet: True leaves it to the caller to say what was left out of the set.
    Raises:
        InputError: nothing is held out.
    """
    by_name = isinstance(config, AdaptConfig) and config.shots_of
    images = load_images(
        model.condition.kind,
        config.data,
        size=model.size,
        channels=model.channels,
        split="all" if by_name else "test",
        seed=config.seed,
        quiet=quiet,
        **config.reading,
    )
    return dataclasses.replace(rest_of(images, by_name), split="test") if by_name else images


def real_images(config: TrainConfig | AdaptConfig | ImportConfig, model: ModelConfig, begun: Mapping[str, Any]) -> Real:
    """Loads both as far as they are still to be had; what is missing becomes a note.

    Args:
        config: of the run.
        model: config of its model.
        begun: content of its config.json.
    """
    kind = model.condition.kind
    if isinstance(config, ImportConfig):
        lost = "The images that it was trained on are not here, and what needs them is left out"
        return Real(None, None, (f"{lost}. `genjax evaluate --data` judges it against a set.",))
    try:
        train = training_images(config, model)
    except InputError as error:
        return Real(None, None, (f"The training images cannot be read, and what needs them is left out: {error}",))
    notes, seen = [], f"images of {config.data} or their captions" if kind == "text" else f"images of {config.data}"
    if images_hash(kind, train) != str(begun.get("data_hash", "")):
        how = numbers_changed(begun, len(train))
        notes.append(f"The {seen} have changed since this run{how}: what is shown of them is not what it saw.")
    held_out = None
    if isinstance(config, AdaptConfig) or config.split == "train":
        try:
            held_out = held_out_images(config, model)
        except InputError as error:
            notes.append(f"Nothing is held out: {error}")
    return Real(train, held_out, tuple(notes))  # fmt: skip


def source_samples(
    run: Path, num: int, *, seed: int = 0, source: Path | None = None, texts: Sequence[str] | None = None
) -> np.ndarray:
    """Draws what the source of an adaptation makes of the latents of a seed: (num, h, w, c), uint8.

    Args:
        run: folder of the adaptation.
        num: number of images.
        seed: of the latents: those of `sample_run`.
        source: where the source lies, if it has been moved.
        texts: one an image, for a model of texts; or classes.
    Raises:
        InputError: the source is missing, or has been trained further since.
    """
    place, model = load_source(run, source)
    loaded = Loaded(model, FAMILIES[model.config.family].trained(model))
    return draw_loaded(loaded, place, num, seed=seed, asked=texts)


def saved_data_hash(run: Path) -> str:
    """Reads the hash of the images that a run was trained on; empty where it does not say."""
    return str(read_json(RunFolder(run).config).get("data_hash", ""))
