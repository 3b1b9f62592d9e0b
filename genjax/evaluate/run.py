"""Evaluation of a run, or of images from any other tool, against held-out images."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from genjax.config.run import AdaptConfig
from genjax.data import Dataset, load, spread_out
from genjax.data.captioned import captioned_places
from genjax.data.reading_options import Missing, ReadingOptions
from genjax.devices.backend import cache_folder
from genjax.errors import InputError, lookup
from genjax.evaluate.class_records import Labelled, check_by_class, class_records, labelled
from genjax.evaluate.features.extractor import Extractor
from genjax.evaluate.features.registry import load_extractor
from genjax.evaluate.letter_records import LETTERS, Drawn, are_letters, letter_records, retrieved
from genjax.evaluate.metrics.by_class import SUMMARIES as BY_CLASS
from genjax.evaluate.metrics.by_class import TAUGHT
from genjax.evaluate.metrics.membership import SPEC as MEMBERSHIP
from genjax.evaluate.model_metrics import EXPLANATIONS, check_explained, explain
from genjax.evaluate.records import Record, caveat_warnings, plain_words, small_sample_warnings
from genjax.evaluate.run_data import found_images, held_out_images, load_images, source_samples, training_images
from genjax.evaluate.sampling import Loaded, load_trained
from genjax.evaluate.scores import CORE, METRICS, evaluate_images
from genjax.evaluate.sides import (
    Side,
    alike,
    check_held_out,
    common_size,
    generated_set,
    named_shots,
    reading_of,
    say_left_out,
    warn_of_shape,
)
from genjax.families.conditions import said_of
from genjax.families.model import ModelConfig
from genjax.store.description import read_model_config
from genjax.store.run_config import run_config, saved_data
from genjax.store.run_folder import RunFolder
from genjax.terminal import warn

DEFAULT_SAMPLES = 1000  # of a run on the real side, which says of itself no number


def evaluate_run(
    run: Path,
    *,
    data: str = "",
    split: str = "test",
    num: int = 0,
    metrics: Sequence[str] | None = None,
    seed: int = 0,
    which: str = "latest",
    source: Path | None = None,
    skip_broken: bool = False,
    captions: Missing | None = None,
    max_pixels: int | None = None,
) -> list[Record]:
    """Records of a run's samples against real images that it was not trained on.

    Args:
        run: its folder.
        data: the real set; empty is the one that the run was trained on.
        split: of the real set.
        num: generated images; 0 is as many as there are real ones.
        metrics: by name; None is the core ones, and those of letters where the truth of a font is known.
        seed: of the latents.
        which: latest or best.
        source: where the run that it was adapted from lies, if it has been moved.
        skip_broken: leave out files of a folder that cannot be read as images, also where training did not.
        captions: what to do with images that have no caption: require, drop or empty; None is as in training.
        max_pixels: pixels of the largest image file that is decoded; None is as in training.
    Raises:
        InputError: a set, a metric or a run that cannot be used.
    """
    real = data or saved_data(RunFolder(run))
    return judge(
        f"run:{run}",
        real,
        split=split,
        num=num,
        metrics=metrics,
        seed=seed,
        which=which,
        source=source,
        skip_broken=skip_broken,
        captions=captions,
        max_pixels=max_pixels,
    )


def judge(
    fake: str,
    real: str,
    *,
    size: int = 0,
    split: str = "test",
    num: int = 0,
    metrics: Sequence[str] | None = None,
    extractor: str = "embedded-v1",
    seed: int = 0,
    which: str = "latest",
    source: Path | None = None,
    skip_broken: bool = False,
    captions: Missing | None = None,
    max_pixels: int | None = None,
) -> list[Record]:
    """Records of generated images, from a run or from any other tool, against real ones.

    Args:
        fake: `run:PATH`, or any set: folder:PATH, npz:PATH, digits, ... of which all images are taken.
        real: the same; of a set the part `split` is taken.
        size: of both; 0 is what a run or an .npz says, else 32.
        split: of the real set.
        num: generated images; 0 is all of a set, and of a run as many as there are real ones.
        metrics: by name; None is the core ones, and those of letters where the truth of a font is known.
        extractor: by name.
        seed: of the latents.
        which: model of a run, latest or best.
        source: where the run that `fake` was adapted from lies, if it has been moved.
        skip_broken: leave out files of a folder that cannot be read as images, also where training did not.
        captions: what to do with images that have no caption: require, drop or empty; None is as in training.
        max_pixels: pixels of the largest image file that is decoded; None is as in training.
    Raises:
        InputError: a set, a metric, an extractor or a run that cannot be used.
    """
    network = load_extractor(extractor)
    if num < 0:
        raise InputError(f"--num {num} is negative. Use 1 or more, or 0 for all.")
    asked = _asked(CORE if metrics is None else metrics)
    judged, truth = Side.of(fake, which), Side.of(real, which)
    check_held_out(judged, real, split)
    _check_model(asked, judged, split="" if truth.run is not None else split)
    size = common_size(judged, truth, size)
    reading = reading_of(judged, real, skip_broken=skip_broken, captions=captions, max_pixels=max_pixels)
    by_name = named_shots(judged, real) if split == "test" else None

    def part(name: str) -> Dataset:
        """Returns a part of the real side; of a run whose shots were named, the others are what is held out."""
        if by_name is not None and judged.model is not None and name in ("test", "train"):
            return (held_out_images if name == "test" else training_images)(by_name, judged.model)
        return _real_images(truth, judged, size=size, split=name, seed=seed, which=which, reading=reading)

    shown = part(split)
    letters = by_name is not None and judged.model is not None and are_letters(judged.model, real, shown)
    if metrics is None and letters:
        asked = asked._replace(letters=tuple(LETTERS))
    elif asked.letters and not letters:
        raise InputError(
            f"{', '.join(asked.letters)} compare letters with the true ones of a font, and {fake} was not adapted to"
            " one face with --shots-of. Leave them out."
        )
    membership = [name for name in asked.pictured if name in MEMBERSHIP.names]
    if membership and named_shots(judged, real) is not None:
        raise InputError(
            f"{', '.join(membership)} compare the shots with held-out images of the same kind, and {fake} holds out"
            " other characters than its shots. Leave them out."
        )
    about: dict[str, Any] = {"data": real, "split": shown.split, "seed": seed}
    if judged.run is None:
        say_left_out(shown)
        how = {"size": size, "seed": seed, "skip_broken": skip_broken, "max_pixels": reading.max_pixels}
        records, images = [], {"fake_images": generated_set(fake, num, **how)}
    else:
        loaded = load_trained(judged.run, which=which, source=source)
        records, images = _of_run(
            asked, loaded, judged, shown, part, by_name, num or len(shown), network, which=which, source=source, **about
        )
    if asked.pictured:
        images["real_images"] = shown.images[:]
        warn_of_shape(shown, network)
        records += evaluate_images(
            **alike(images), extractor=network, metrics=asked.pictured, cache=cache_folder(), **about
        )
    for line in (*plain_words(records), *caveat_warnings(records), *small_sample_warnings(records)):
        warn(line)
    return records


def _of_run(
    asked: "_Asked",
    loaded: Loaded,
    judged: Side,
    shown: Dataset,
    part: Callable[[str], Dataset],
    by_name: AdaptConfig | None,
    num: int,
    network: Extractor,
    *,
    which: str,
    source: Path | None,
    **about: Any,
) -> tuple[list[Record], dict[str, Any]]:
    """Measures what needs more of a run than its pictures; returns the records, and the pictures that others judge."""
    texts, names = _texts(loaded.model.config, shown, num, judged), loaded.model.config.condition.names
    records, images = _of_the_model(asked, loaded, judged, shown, which=which, **about), {}
    if asked.pictured or asked.by_class:
        images["fake_images"] = _drawn(loaded, num, about["seed"], texts)
    if asked.by_class:
        taught = [labelled(part("train"), names)] if TAUGHT in asked.by_class else []
        made = Labelled(images["fake_images"], np.asarray(texts, object))
        sides = (labelled(shown, names), made, *taught)
        records += class_records(*sides, extractor=network, metrics=asked.by_class, **about)
    if by_name is not None and judged.run is not None and asked.letters:
        records += _letter_records(loaded, by_name, judged.run, shown, asked.letters, source=source, **about)
    if asked.pictured:
        further = {"real": about["data"], "seed": about["seed"], "which": which, "source": source}
        images |= _further_images(judged, asked.pictured, num, texts, **further)
    return records, images


class _Asked(NamedTuple):
    """The metrics that are asked for, by what they look at: pictures, the model, pictures of each class, letters."""

    pictured: Sequence[str]
    explained: Sequence[str]
    by_class: Sequence[str]
    letters: Sequence[str]


def _asked(metrics: Sequence[str]) -> _Asked:
    """Sorts metrics by what they look at.

    Raises:
        InputError: an unknown one, or none at all.
    """
    kinds: list[Collection[str]] = [METRICS, EXPLANATIONS, BY_CLASS, LETTERS]
    for name in metrics:
        lookup(dict.fromkeys(known for kind in kinds for known in kind), name, "metric")
    if not metrics:
        raise InputError(f"no metric was asked for. Known: {', '.join(METRICS)}.")
    return _Asked(*([name for name in metrics if name in kind] for kind in kinds))


def _check_model(asked: _Asked, judged: Side, *, split: str) -> None:
    """Raises InputError for metrics that the judged side cannot have; `split` is empty where the real side is a run."""
    if asked.explained and judged.model is None:
        raise InputError(
            f"{', '.join(asked.explained)} need a model, and {judged.spec} is a set of images. Evaluate a run."
        )
    if asked.explained and judged.model is not None:
        check_explained(asked.explained, judged.model)
    check_by_class(asked.by_class, judged.model, split=split)


def _of_the_model(
    asked: _Asked, loaded: Loaded, judged: Side, shown: Dataset, *, which: str, **about: Any
) -> list[Record]:
    """Measures how well the model explains real images."""
    if not asked.explained:
        return []
    wants_train = any(EXPLANATIONS[name].train for name in asked.explained)
    train = _training_images(judged, which, about["data"]) if wants_train else None
    return explain(loaded, _explainable(loaded.model.config, shown), metrics=asked.explained, train=train, **about)


def _letter_records(
    loaded: Loaded,
    config: AdaptConfig,
    run: Path,
    truth: Dataset,
    metrics: Sequence[str],
    *,
    source: Path | None,
    seed: int,
    **about: Any,
) -> list[Record]:
    """Compares the letters that were no shots with the true ones: of the run, of its source, and of retrieval."""
    model = loaded.model.config
    shots, asked = training_images(config, model), said_of(model.condition, truth) or []
    drawn = [
        Drawn("", _drawn(loaded, len(asked), seed, asked), ""),
        Drawn("of the source", source_samples(run, len(asked), seed=seed, source=source, texts=asked), ""),
    ]
    try:
        drawn.append(retrieved(truth, shots))
    except InputError as error:
        warn(f"retrieval is left out: {error}")
    return letter_records(truth, shots, drawn, metrics, seed=seed, **about)


def _real_images(
    truth: Side, judged: Side, *, size: int, split: str, which: str, seed: int, reading: ReadingOptions
) -> Dataset:
    """Loads or draws the real side, with captions where the judged model draws texts."""
    if truth.run is not None:
        loaded = load_trained(truth.run, which=which)
        images = _drawn(loaded, DEFAULT_SAMPLES, seed, _texts(loaded.model.config, None, DEFAULT_SAMPLES, truth))
        return Dataset(truth.spec, "generated", images)
    request: dict[str, Any] = {"size": size, "split": split, "seed": seed} | reading.reading
    if judged.model is None:
        request["captions"] = "unneeded"
        return load(truth.spec, **request)
    return load_images(judged.model.condition.kind, truth.spec, channels=judged.channels, **request)


def _drawn(loaded: Loaded, num: int, seed: int, texts: Sequence[str] | None) -> np.ndarray:
    return loaded.trained.draw(jax.random.key(seed), num, texts, None)


def _texts(model: ModelConfig, shown: Dataset | None, num: int, side: Side) -> list[str] | None:
    """Returns the classes or texts that a model draws, from all over those of a set that it knows.

    None without a condition, and for a model of classes where the set has none of its: it then draws all in turn.
    """
    if model.condition.kind == "none":
        return None
    if model.condition.kind == "class":
        said = None if shown is None else said_of(model.condition, shown)
        return [said[row * len(said) // num % len(said)] for row in range(num)] if said else None
    shown = None if shown is None else shown.take(captioned_places(shown.captions))
    if not shown:
        raise InputError(
            f"{side.spec} draws what a text says, and there are no captions. Judge it against a set that has."
        )
    spoken = _explainable(model, shown)
    if not len(spoken):
        raise InputError(
            f"{side.run} knows the words of none of the {len(shown)} captions of {shown.name}, part {shown.split!r}"
            f" (the first: {shown.captions[0]!r}). Judge it against a set whose words it knows with --data."
        )
    if len(spoken) < len(shown):
        missing = f"{len(shown) - len(spoken)} of {len(shown)} captions"
        warn(f"{missing} have words that {side.run} does not know: not drawn")
    captions = spread_out(spoken, num).captions
    return [captions[index % len(captions)] for index in range(num)]


def _explainable(model: ModelConfig, shown: Dataset) -> Dataset:
    """Returns the images whose captions the model can read; all for a model without texts."""
    if model.condition.vocabulary is None or not shown.captions:
        return shown
    return shown.take(model.condition.vocabulary.readable(shown.captions))


def _training_images(judged: Side, which: str, real: str) -> np.ndarray:
    if judged.run is None:
        raise ValueError("a set was not trained on anything")
    return found_images(judged.run, read_model_config(judged.run, which=which), elsewhere=real).images[:]


def _further_images(
    judged: Side,
    metrics: Sequence[str],
    num: int,
    texts: Sequence[str] | None,
    *,
    real: str,
    seed: int,
    which: str,
    source: Path | None,
) -> dict[str, Any]:
    """Loads what a run was trained on, and draws what its source makes, as far as metrics ask and a run can tell.

    Raises:
        InputError: the training images or the source cannot be had any more.
    """
    needs = {need for name in metrics for need in (*METRICS[name].needs, *METRICS[name].wants)}
    if not needs or judged.run is None:
        return {}
    found: dict[str, Any] = {}
    if "train" in needs:
        found["train_images"] = _training_images(judged, which, real)
    if "source" in needs and isinstance(run_config(RunFolder(judged.run)), AdaptConfig):
        found["source_images"] = source_samples(judged.run, num, seed=seed, source=source, texts=texts)
    return found
