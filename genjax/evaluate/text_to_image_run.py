"""What a text-to-image run was trained on, or adapted to, and what was held out: images with their captions."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from genjax.config.text_to_image import AdaptTextToImageConfig, TextToImageConfig
from genjax.data import Dataset
from genjax.data.captioned import load_captioned
from genjax.errors import InputError
from genjax.evaluate.run_data import Real
from genjax.families.text_to_image.model import TextToImage
from genjax.store.run_folder import RunFolder, read_config
from genjax.training.adapt_text_to_image import load_shots, saved_adaptation
from genjax.training.text_to_image import ADAPTATION, captioned_hash, load_images, saved_text_to_image


class Begun(NamedTuple):
    """How a run was begun.

    Attributes:
        config: of the training, or of the adaptation.
        size: of the images.
        channels: of the images.
        data_hash: of images and captions.
    """

    config: TextToImageConfig | AdaptTextToImageConfig
    size: int
    channels: int
    data_hash: str


def begun(run: Path) -> Begun:
    """How the run in a folder was begun.

    Raises:
        InputError: no text-to-image model there, or a config that is damaged.
    """
    values, trained = read_config(RunFolder(run)), saved_text_to_image(run)
    config = saved_adaptation(run) if ADAPTATION in values else trained
    channels = values.get("channels")
    if channels not in (1, 3):
        raise InputError(f"{RunFolder(run).config} does not say how many channels its images have. Restore it.")
    return Begun(config, trained.size, channels, str(values.get("data_hash", "")))


def captioned_images(run: Begun, *, held_out: bool = False) -> Dataset:
    """The images that a run was trained on, or all that the set holds out, with their captions.

    Raises:
        InputError: they cannot be read any more.
    """
    config = run.config
    if isinstance(config, TextToImageConfig):
        return load_images(dataclasses.replace(config, num_images=0), split="test") if held_out else load_images(config)
    if not held_out:
        return load_shots(config, size=run.size, channels=run.channels)
    return load_captioned(
        config.data,
        size=run.size,
        channels=run.channels,
        split="test",
        seed=config.seed,
        skip_broken=config.skip_broken,
    )


def readable(model: TextToImage, captions: Sequence[str]) -> list[int]:
    """Which captions the model can read: the places of those that have no other words than its own.

    Raises:
        InputError: none of them.
    """
    places = []
    for place, caption in enumerate(captions):
        try:
            model.vocabulary.encode([caption])
        except InputError:
            continue
        places.append(place)
    if not places:
        model.vocabulary.encode(captions)  # says what is wrong with the first
    return places


def captioned_real(run: Begun) -> Real:
    """The same two, as far as they are still to be had; what is missing becomes a note."""
    try:
        train = captioned_images(run)
    except InputError as error:
        return Real(None, None, (f"The training images cannot be read, and what needs them is left out: {error}",))
    notes = []
    if captioned_hash(train) != run.data_hash:
        notes.append(
            f"The images of {run.config.data} or their captions have changed since this run: what is shown of them is"
            " not what it saw."
        )
    try:
        return Real(train, captioned_images(run, held_out=True), tuple(notes))
    except InputError as error:
        return Real(train, None, (*notes, f"Nothing is held out: {error}"))
