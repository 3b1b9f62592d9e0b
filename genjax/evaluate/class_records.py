"""Records of a model of classes: each metric of all classes, and of every class alone."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from genjax.data import Dataset
from genjax.errors import InputError
from genjax.evaluate.attributes import wilson
from genjax.evaluate.features.extractor import Extractor, extract_features
from genjax.evaluate.features.statistics import image_hash
from genjax.evaluate.metrics.by_class import LEAST, OF_A_CLASS, SUMMARIES, TAUGHT, taught_reader
from genjax.evaluate.records import Record, metric_name
from genjax.families.conditions import of_classes
from genjax.families.model import ModelConfig
from genjax.terminal import warn

NO_INTERVAL = "none: repeat it over seeds"


class Labelled(NamedTuple):
    """Images with their classes.

    Attributes:
        images: uint8 (n, h, w, c).
        classes: name of each (n,).
    """

    images: np.ndarray
    classes: np.ndarray


def check_by_class(metrics: Sequence[str], model: ModelConfig | None, *, split: str) -> None:
    """Raises InputError for metrics by class that cannot be measured.

    Args:
        metrics: names of `SUMMARIES` that were asked for.
        model: config of the model that is judged; None for images without one.
        split: part of the real set; empty where the real side is a run.
    """
    if not metrics:
        return
    named = ", ".join(metrics)
    if model is None or model.condition.kind != "class":
        raise InputError(f"{named} need a model of classes, which --condition class trains. Leave them out.")
    if not split:
        raise InputError(f"{named} need real images, and the real side is a run. Name a set with --real.")
    if TAUGHT in metrics and split != "test":
        raise InputError(
            f"{TAUGHT} needs images that did not teach its classifier, and --split {split} has those. Use --split test,"
            " or leave it out."
        )


def labelled(dataset: Dataset, names: Sequence[str]) -> Labelled:
    """Returns the images of a set whose classes are among these names.

    Raises:
        InputError: none is.
    """
    known, classes = of_classes(dataset, names)
    if not classes:
        raise InputError(
            f"{dataset.name} has no image of the model's classes ({', '.join(names[:10])}). Use data with these"
            " classes, or leave out the metrics by class."
        )
    return Labelled(known.images[:], np.asarray(classes, object))


def class_records(
    real: Labelled,
    fake: Labelled,
    train: Labelled | None = None,
    *,
    extractor: Extractor,
    metrics: Sequence[str] = tuple(SUMMARIES),
    **about: Any,
) -> list[Record]:
    """Measures generated images of each class against real ones.

    Args:
        real: held-out images.
        fake: generated ones, with the classes that were asked for.
        train: real images that teach the classifier of `class_accuracy`, of other files than `real`.
        extractor: network whose features are compared.
        metrics: names of `SUMMARIES`.
        about: `data`, `split` and `seed` of the records.
    Returns:
        For each metric a record of all classes, then one a class; classes with too few images are left out with a
        warning.
    Raises:
        InputError: no class has enough images.
    """
    of_real, of_fake = (extract_features(extractor, side.images) for side in (real, fake))
    common = {
        "extractor": extractor.name,
        "extractor_version": extractor.version,
        "extractor_sha256": extractor.sha256,
        "resize": extractor.resize,
        "data_hash": image_hash(real.images),
        **about,
    }
    found: list[Record] = []
    if TAUGHT in metrics:
        if train is None:
            raise ValueError("a classifier was asked for without images that teach it")
        reader = taught_reader(extract_features(extractor, train.images), list(train.classes))
        right = (reader(of_real) == real.classes, reader(of_fake) == fake.classes)
        found += _read(right, real.classes, fake.classes, len(train.images), extractor, common)
    for metric in (name for name in metrics if name in OF_A_CLASS):
        found += _compared(metric, (real.classes, of_real), (fake.classes, of_fake), extractor, common)
    return found


def _read(
    right: tuple[np.ndarray, np.ndarray],
    real: np.ndarray,
    fake: np.ndarray,
    taught_by: int,
    extractor: Extractor,
    common: Mapping[str, Any],
) -> list[Record]:
    """Makes the records of the accuracy, from which real and which generated images were read right."""
    found = []
    for name in ("", *_sorted(fake)):
        own, hits = (
            known[classes == name] if name else known for known, classes in zip(right, (real, fake), strict=True)
        )
        share, low, high = wilson(int(hits.sum()), len(hits))
        held_out = f"right of {own.mean():.3f} of those held out" if len(own) else "none of them held out"
        found.append(
            Record(
                name=_named(TAUGHT, extractor, name),
                value=share,
                interval=(low, high),
                interval_note="Wilson, over images",
                method=f"ridge classifier of {taught_by} real images, {held_out}",
                n_real=len(own),
                n_fake=len(hits),
                **common,
            )
        )
    return found


def _compared(
    metric: str,
    real: tuple[np.ndarray, np.ndarray],
    fake: tuple[np.ndarray, np.ndarray],
    extractor: Extractor,
    common: Mapping[str, Any],
) -> list[Record]:
    sides = {
        name: (real[1][real[0] == name], fake[1][fake[0] == name]) for name in _sorted(np.append(real[0], fake[0]))
    }
    enough = {name: side for name, side in sides.items() if min(map(len, side)) >= LEAST}
    if not enough:
        raise InputError(
            f"{metric} needs {LEAST} or more real and generated images of a class, and no class has as many. Use more"
            " with --num, or leave it out."
        )
    few = [name for name in sides if name not in enough]
    if few:
        warn(f"{metric}: left out {len(few)} classes with fewer than {LEAST} images ({', '.join(few[:10])})")
    values = {name: OF_A_CLASS[metric](*side) for name, side in enough.items()}
    counts = {name: (len(real), len(fake)) for name, (real, fake) in enough.items()}
    totals = np.sum(list(counts.values()), axis=0)
    values[""], counts[""] = float(np.mean(list(values.values()))), (int(totals[0]), int(totals[1]))
    return [
        Record(
            name=_named(metric, extractor, name),
            value=values[name],
            interval=None,
            interval_note=NO_INTERVAL,
            method="of one class" if name else f"mean of {len(enough)} classes",
            n_real=counts[name][0],
            n_fake=counts[name][1],
            **common,
        )
        for name in ("", *enough)
    ]


def _named(metric: str, extractor: Extractor, of: str) -> str:
    name = metric_name(metric, extractor.name, extractor.sha256)
    return f"{name} of {of}" if of else name


def _sorted(classes: np.ndarray) -> list[str]:
    return sorted(set(classes))
