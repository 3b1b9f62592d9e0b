"""Editing images by a model on disk: to another class or text, by the noise that they are made of."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from genjax.data import load
from genjax.data.dataset import spread_out
from genjax.data.images import decode
from genjax.errors import InputError, looked_for
from genjax.evaluate.sampling import Loaded, load_trained
from genjax.families.conditions import numbers_of
from genjax.families.family import Edited
from genjax.families.model import ModelConfig
from genjax.families.registry import FAMILIES

STRENGTH = 0.8  # enough for another class, with what both have in common
SHOWN = 16  # images of a folder, unless a number is asked for


class Change(NamedTuple):
    """The change of an edit.

    Attributes:
        class_name: class that images are to have; empty of a model of texts.
        text: what they are to show; empty of a model of classes.
        from_class: class that they have, or one of each; empty is not known.
        from_text: text of what they show, or one of each; empty is not known.
        strength: share of the way to noise that they are brought back, in (0, 1].
    """

    class_name: str = ""
    text: str = ""
    from_class: str | Sequence[str] = ""
    from_text: str | Sequence[str] = ""
    strength: float = STRENGTH


def edit_run(
    run: Path,
    place: Path,
    change: Change,
    *,
    num: int = SHOWN,
    which: str = "latest",
    source: Path | None = None,
    drawing: Any = None,
) -> tuple[np.ndarray, Edited]:
    """Edits the images at a place by the averaged parameters of a run.

    Args:
        run: its folder.
        place: image, or folder of images; sub-folders of it that are named after classes of the model say what the
            images are, where the change does not.
        change: what the images are, and what they are to become.
        num: images of a folder, at most.
        which: latest or best.
        source: where the run that it was adapted from lies, if it has been moved.
        drawing: the family's options of drawing; None for the defaults.
    Returns:
        The images as the model sees them, and what became of them.
    Raises:
        InputError: an image that cannot be read, or see `edit_loaded`.
    """
    loaded = load_trained(run, which=which, source=source)
    config = loaded.model.config
    check_change(run, config, change)
    images, classes = images_at(place, config.size, config.channels, num)
    if not change.from_class and set(classes) <= set(config.condition.names):
        change = change._replace(from_class=classes)
    return images, edit_loaded(loaded, run, images, change, drawing=drawing)


def edit_loaded(loaded: Loaded, run: Path, images: np.ndarray, change: Change, *, drawing: Any = None) -> Edited:
    """Changes the class or the text of images by a model that was loaded from a run.

    Args:
        loaded: the model.
        run: its folder, for errors.
        images: uint8 (n, h, w, c), of the model's size.
        change: what they are, and what they are to become.
        drawing: the family's options of drawing; None for the defaults.
    Raises:
        InputError: a model that cannot edit, a condition that it does not know, other images, or another strength.
    """
    config, edit = loaded.model.config, loaded.trained.edit
    check_change(run, config, change)
    if edit is None:
        raise ValueError("a model that passed the check edits")
    shape = (config.size, config.size, config.channels)
    if images.dtype != np.uint8 or images.shape[1:] != shape:
        raise InputError(
            f"images are {images.dtype} {images.shape}, expected uint8 (n, {', '.join(map(str, shape))}), the images"
            f" of {run}. Resize them."
        )
    wanted, own = change.class_name or change.text, change.from_class or change.from_text
    owned = [own] * len(images) if isinstance(own, str) else list(own)
    if len(owned) != len(images):
        raise InputError(f"{len(owned)} classes or texts of {len(images)} images were given. Give one of each.")
    return edit(images, owned if all(owned) else None, [wanted] * len(images), change.strength, drawing)


def check_change(run: Path, config: ModelConfig, change: Change) -> None:
    """Raises InputError for a model that cannot edit, and for a change that it cannot make.

    Args:
        run: folder of the model, for errors.
        config: of the model.
        change: what images are, and what they are to become.
    """
    family, kind = FAMILIES[config.family], config.condition.kind
    if not 0 < change.strength <= 1:
        raise InputError(
            f"--strength is {change.strength:g}, expected above 0, where an image stays as it is, to 1, where its noise"
            f" alone is left. Use {STRENGTH:g}."
        )
    if "edit" not in family.functions:
        able = " or ".join(name for name, other in FAMILIES.items() if "edit" in other.functions)
        raise InputError(
            f"--edit: {run} is a {family.label}, which brings no image back to the noise that makes it. Use one of"
            f" --model {able}."
        )
    if kind == "none":
        raise InputError(
            f"--edit changes the class or the text of images, and {run} was trained without. Use a model that was"
            " trained with --condition class."
        )
    given = {"class": change.class_name, "text": change.text}
    further = {"from-class": ("class", change.from_class), "from-text": ("text", change.from_text)}
    for option, (of, value) in {**{name: (name, value) for name, value in given.items()}, **further}.items():
        if value and of != kind:
            raise InputError(f"--{option}: {run} was trained by {kind}. Leave it out, or use --{kind}.")
    if not given[kind]:
        example = f"--class {config.condition.names[-1]}" if kind == "class" else '--text "a red seven"'
        raise InputError(f"--edit: say what the images are to become, such as {example}.")
    own = further[f"from-{kind}"][1]
    numbers_of(config.condition, [given[kind], *([own] if isinstance(own, str) and own else own)])


def images_at(place: Path, size: int, channels: int, most: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Reads an image, or those of a folder: uint8 (n, size, size, channels), and the names of their sub-folders.

    Args:
        place: file or folder.
        size: height and width to which they are cropped and resized.
        channels: 1 or 3.
        most: images of a folder, at most, spread over all.
    Raises:
        InputError: nothing there, or an image that cannot be read.
    """
    if not place.exists():
        raise InputError(f"--edit {place} does not exist{looked_for(place)}. Name an image or a folder of images.")
    if place.is_dir():
        found = load(f"folder:{place}", size=size, channels=channels, split="all", captions="unneeded", quiet=True)
        some = spread_out(found, most)
        classes = () if some.labels is None else tuple(some.class_names[label] for label in some.labels)
        return np.asarray(some.images), classes
    try:
        return decode(place, size, channels)[None], ()
    except InputError as error:
        raise InputError(f"--edit {place} cannot be read: {error}. Name an image, or a folder of them.") from None


def side_by_side(images: np.ndarray, made: Edited) -> np.ndarray:
    """Lines up original, reconstruction and edited image, of one image after the other: (3 n, h, w, c)."""
    return np.stack([images, made.reconstructed, made.edited], axis=1).reshape(-1, *images.shape[1:])
