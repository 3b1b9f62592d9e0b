"""Evaluation of a run, or of images from any other tool, against held-out images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from genjax.config.run import AdaptConfig
from genjax.data import Dataset, load, spread_out
from genjax.data.captioned import captioned_places
from genjax.data.reading_options import Missing, ReadingOptions
from genjax.devices.backend import cache_folder
from genjax.errors import InputError, lookup
from genjax.evaluate.class_records import Labelled, check_by_class, class_records, labelled
from genjax.evaluate.features.registry import load_extractor
from genjax.evaluate.letter_records import LETTERS, Drawn, letter_records, retrieved
from genjax.evaluate.metrics.by_class import SUMMARIES as BY_CLASS
from genjax.evaluate.metrics.by_class import TAUGHT
from genjax.evaluate.model_metrics import EXPLANATIONS, check_explained, explain
from genjax.evaluate.records import Record, caveat_warnings, small_sample_warnings
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
    metrics: Sequence[str] = CORE,
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
        metrics: by name.
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
    metrics: Sequence[str] = CORE,
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
        metrics: by name.
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
    for name in metrics:
        lookup({**METRICS, **EXPLANATIONS, **BY_CLASS, **dict.fromkeys(LETTERS)}, name, "metric")
    pictured = [name for name in metrics if name in METRICS]
    explained = [name for name in metrics if name in EXPLANATIONS]
    by_class = [name for name in metrics if name in BY_CLASS]
    judged, truth = Side.of(fake, which), Side.of(real, which)
    named = named_shots(judged, real) if split == "test" else None
    check_held_out(judged, real, split)
    if explained and judged.model is None:
        raise InputError(f"{', '.join(explained)} need a model, and {fake} is a set of images. Evaluate a run.")
    if explained and judged.model is not None:
        check_explained(explained, judged.model)
    check_by_class(by_class, judged.model, split="" if truth.run is not None else split)
    size = common_size(judged, truth, size)
    reading = reading_of(judged, real, skip_broken=skip_broken, captions=captions, max_pixels=max_pixels)
    if named is not None and judged.model is not None:
        shown = held_out_images(named, judged.model)
    else:
        shown = _real_images(truth, judged, size=size, split=split, seed=seed, which=which, reading=reading)
    has_truth = named is not None and judged.model is not None and _is_of_one_font(judged.model, real, shown)
    if {"kd", "fd"} <= set(metrics) <= set(CORE) and has_truth:
        metrics = (*metrics, *LETTERS)
    letters = [name for name in metrics if name in LETTERS]
    if letters and not has_truth:
        raise InputError(
            f"{', '.join(letters)} compare letters with the true ones of a font, and {fake} was not adapted to one face"
            " with --shots-of. Leave them out."
        )
    about: dict[str, Any] = {"data": real, "split": shown.split, "seed": seed}
    records: list[Record] = []
    images: dict[str, np.ndarray] = {}
    if judged.run is not None:
        number = num or len(shown)
        loaded = load_trained(judged.run, which=which, source=source)
        texts = _texts(loaded.model.config, shown, number, judged)
        if explained:
            known = _explainable(loaded.model.config, shown)
            train = (
                _training_images(judged, which, real) if any(EXPLANATIONS[name].train for name in explained) else None
            )
            records += explain(loaded, known, metrics=explained, train=train, **about)
        sides = [labelled(shown, loaded.model.config.condition.names)] if by_class else []
        if TAUGHT in by_class:
            if named is not None:
                rest = training_images(named, loaded.model.config)
            else:
                rest = _real_images(truth, judged, size=size, split="train", seed=seed, which=which, reading=reading)
            sides.append(labelled(rest, loaded.model.config.condition.names))
        if pictured or by_class or not (explained or letters):
            images["fake_images"] = _drawn(loaded, number, seed, texts)
        if by_class:
            asked = Labelled(images["fake_images"], np.asarray(texts, object))
            records += class_records(sides[0], asked, *sides[1:], extractor=network, metrics=by_class, **about)
        if named is not None and letters:
            records += _letter_records(loaded, named, judged.run, shown, letters, source=source, **about)
        if pictured:
            images |= _further_images(judged, pictured, number, texts, real=real, seed=seed, which=which, source=source)
    else:
        say_left_out(shown)
        images["fake_images"] = generated_set(
            fake, num, size=size, seed=seed, skip_broken=skip_broken, max_pixels=reading.max_pixels
        )
    if pictured or not (explained or by_class or letters):
        images["real_images"] = shown.images[:]
        warn_of_shape(shown, network)
        records += evaluate_images(**alike(images), extractor=network, metrics=pictured, cache=cache_folder(), **about)
    for line in (*caveat_warnings(records), *small_sample_warnings(records)):
        warn(line)
    return records


def _is_of_one_font(model: ModelConfig, real: str, shown: Dataset) -> bool:
    """Returns True if images are the letters of one face, which a model of classes can be asked for."""
    faces = shown.factors.get("face", ())
    return model.condition.kind == "class" and real.partition(":")[0] in ("font", "fonts") and len(set(faces)) == 1


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
    needs = {need for name in metrics for need in METRICS[name].needs}
    if not needs or judged.run is None:
        return {}
    found: dict[str, Any] = {}
    if "train" in needs:
        found["train_images"] = _training_images(judged, which, real)
    if "source" in needs and isinstance(run_config(RunFolder(judged.run)), AdaptConfig):
        found["source_images"] = source_samples(judged.run, num, seed=seed, source=source, texts=texts)
    return found
