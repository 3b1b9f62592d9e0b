"""Pictures out of a run that is on disk."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from genjax.errors import InputError
from genjax.families.conditions import numbers_of
from genjax.families.family import Trained
from genjax.families.model import Model, ModelConfig
from genjax.families.registry import FAMILIES
from genjax.store.description import source_of
from genjax.store.model import load_model
from genjax.zoo.cards import run_named


class Loaded(NamedTuple):
    """A model on disk, and its functions."""

    model: Model
    trained: Trained


def load_trained(run: Path, *, which: str = "latest", source: Path | None = None) -> Loaded:
    """Loads the networks of a run that make images, with their functions. Arguments and errors as in `load_model`."""
    model = load_model(run, which=which, source=source, sampled_only=True)
    return Loaded(model, FAMILIES[model.config.family].trained(model))


def sample_run(
    run: Path,
    num: int,
    *,
    seed: int = 0,
    which: str = "latest",
    source: Path | None = None,
    texts: Sequence[str] | None = None,
    class_name: str = "",
    asked: Sequence[str] | None = None,
    guide: Path | str = "",
    drawing: Any = None,
) -> np.ndarray:
    """Draws images by the averaged parameters of a run: (num, h, w, c), uint8; of texts (len(texts) * num, h, w, c).

    The same seed gives the same latents in every run of the same latent size, so that a source and its adaptation can
    be laid side by side.

    Args:
        run: its folder.
        num: number of images, of each text where there are some.
        seed: of the latents.
        which: latest or best.
        source: where the run that it was adapted from lies, if it has been moved.
        texts: to be drawn by a model of text, those of one in a row.
        class_name: class to be drawn by a model of classes; empty for none.
        asked: a class or a text for each of the images, in place of both.
        guide: folder of the run that guidance is away from, or `source` for the one that it was adapted from.
        drawing: the family's options of drawing; None for the defaults.
    Raises:
        InputError: fewer than 1 image, a condition that the model does not have, or see `load_model`.
    """
    if num < 1:
        raise InputError(f"--num {num} images were asked for. Ask for 1 or more.")
    loaded = load_trained(run, which=which, source=source)
    how = {"texts": texts, "class_name": class_name, "asked": asked, "guide": guide, "source": source}
    return draw_loaded(loaded, run, num, seed=seed, drawing=drawing, **how)


def draw_loaded(
    loaded: Loaded,
    run: Path,
    num: int,
    *,
    seed: int = 0,
    texts: Sequence[str] | None = None,
    class_name: str = "",
    asked: Sequence[str] | None = None,
    guide: Path | str = "",
    source: Path | None = None,
    drawing: Any = None,
) -> np.ndarray:
    """Draws images by a model that was loaded from a run. Arguments and errors as in `sample_run`."""
    if num < 1:
        raise InputError(f"--num {num} images were asked for. Ask for 1 or more.")
    condition = list(asked) if asked else conditions(run, loaded.model.config, texts, class_name, num)
    total = num if condition is None else len(condition)
    draw = loaded.trained.draw
    if guide:
        if loaded.trained.guided is None:
            raise InputError(
                f"--guide {guide}: {run} is a {FAMILIES[loaded.model.config.family].label}, which is drawn from without"
                " guidance. Leave it out."
            )
        # The source is the more general model where it draws without a condition; a weaker one is told the same.
        draw = loaded.trained.guided(guiding_model(run, loaded.model, guide, source), str(guide) != "source")
    return draw(jax.random.key(seed), total, condition, drawing)


def guiding_model(run: Path, model: Model, guide: Path | str, source: Path | None) -> Model:
    """Loads the model that guidance is away from.

    Args:
        run: folder of the model that is drawn from.
        model: that.
        guide: folder of another run, or `source`.
        source: where the source lies, if it has been moved.
    Raises:
        InputError: there is none, or one of another family or of other images.
    """
    place, other = load_source(run, source) if str(guide) == "source" else (run_named(guide), None)
    other = other or load_model(place, sampled_only=True)
    for name in ("family", "size", "channels"):
        mine, its = getattr(model.config, name), getattr(other.config, name)
        if mine != its:
            raise InputError(
                f"--guide {guide}: {place} is of {name} {its}, and {run} of {mine}. Name one that is alike."
            )
    return other


def load_source(run: Path, source: Path | None) -> tuple[Path, Model]:
    """Loads the model that a run was adapted from, and says where it lies.

    Args:
        run: folder of the adaptation.
        source: where the source lies, if it has been moved.
    Raises:
        InputError: the source is missing, or has been trained further since.
    """
    place, identity = source_of(run)
    place = source or place
    model = load_model(place, sampled_only=True)
    if model.identity != identity:
        raise InputError(
            f"{place} has been trained further since {run} was adapted from it. Name the model that it was adapted from"
            " with --source, or adapt again."
        )
    return place, model


def conditions(
    run: Path, model: ModelConfig, texts: Sequence[str] | None, class_name: str, num: int
) -> list[str] | None:
    """Returns one condition an image, or None for a model that has none.

    Raises:
        InputError: a condition that the model does not have, by name, or none where it needs one.
    """
    kind = model.condition.kind
    if texts and kind != "text":
        raise InputError(f"--text: {run} is no model of texts, a {FAMILIES[model.family].label}. Leave it out.")
    if class_name and kind != "class":
        raise InputError(f"--class {class_name}: {run} was trained without classes. Leave it out.")
    if class_name:
        numbers_of(model.condition, [class_name])  # refuses one that is not there
    if kind == "text":
        if not texts:
            raise InputError(f'{run} draws what a text says. Say it with --text, such as --text "a bold red seven".')
        if model.condition.vocabulary is not None:
            model.condition.vocabulary.encode(texts)  # of which one is wrong is said before they are repeated
        return [text for text in texts for _ in range(num)]
    return [class_name] * num if class_name else None
