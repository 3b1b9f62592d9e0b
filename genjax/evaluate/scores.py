"""Images in, records out: the one way in which generated images are judged against real ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genjax.errors import InputError, lookup
from genjax.evaluate import measures
from genjax.evaluate.features.registry import Extractor, check_images, extract_features, feature_sets
from genjax.evaluate.features.statistics import image_hash, real_features
from genjax.evaluate.measures import COVERAGE_K, RECALL_K, Family, Measured, Sets
from genjax.evaluate.metrics.intervals import Interval
from genjax.evaluate.metrics.memorisation import SMALLEST_CELL
from genjax.evaluate.records import Record, metric_name


class Metric(NamedTuple):
    """How a metric is measured.

    Attributes:
        label: in the names of its records.
        family: measures it, and the metrics that come out of the same computation.
        least: images that it needs of each set.
        needs: further images, beside real and generated ones: "train" or "source".
        least_other: of these, how many.
    """

    label: str
    family: Family
    least: int
    needs: tuple[str, ...] = ()
    least_other: int = 1


METRICS = {
    "kd": Metric("KD", measures.measure_kd, 2),
    "fd": Metric("FD", measures.measure_fd, 2),
    "precision": Metric("precision", measures.measure_precision_recall, RECALL_K + 1),
    "recall": Metric("recall", measures.measure_precision_recall, RECALL_K + 1),
    "density": Metric("density", measures.measure_density_coverage, COVERAGE_K + 1),
    "coverage": Metric("coverage", measures.measure_density_coverage, COVERAGE_K + 1),
    "vendi": Metric("vendi", measures.measure_vendi, 2),
    "intra_diversity": Metric("intra_diversity", measures.measure_intra_diversity, 2, ("train",)),
    "copy_rate": Metric("copy_rate", measures.measure_copy_rate, 2, ("train",)),
    "auth_pct": Metric("auth_pct", measures.measure_authenticity, 2, ("train",), 2),
    "c_t": Metric("c_t", measures.measure_data_copying, SMALLEST_CELL, ("train",)),
    "retention": Metric("retention", measures.measure_retention, 3, ("source",)),
}
CORE = tuple(name for name, metric in METRICS.items() if not metric.needs)
ASKED_FOR = {
    "train": "the images that the generator was trained on. Evaluate a run against what it was trained on",
    "source": "a source to compare with. Evaluate a run that was adapted",
}


def evaluate_images(
    real_images: np.ndarray,
    fake_images: np.ndarray,
    *,
    extractor: Extractor,
    data: str = "unnamed",
    split: str = "unknown",
    seed: int = 0,
    metrics: Sequence[str] = CORE,
    train_images: np.ndarray | None = None,
    source_images: np.ndarray | None = None,
    intervals: Sequence[str] | None = None,
    cache: Path | None = None,
) -> list[Record]:
    """Judges generated images against real ones.

    Args:
        real_images: uint8 (n, height, width, 1 or 3); held out from training, or the metrics praise copies.
        fake_images: uint8 (m, height, width, 1 or 3), of the same size and channels.
        extractor: of `load_extractor`.
        data: what the real images are, for the record.
        split: of the real images, for the record.
        seed: of what the metrics draw.
        metrics: names of `METRICS`.
        train_images: what the generator was trained on, the shots of an adaptation, for the metrics that need it.
        source_images: what its source makes of the same latents, in the same order, for the metrics that need it.
        intervals: metrics of which 95 % intervals are computed, which takes most of the time; None is all.
        cache: folder in which features of real sets are kept, as `cache_folder` gives it; None for none.
    Returns:
        A record for each metric, in the order asked for.
    Raises:
        InputError: unknown metrics, images of another type or shape, too few of them or not those that a metric needs;
            all before anything is computed.
    """
    chosen = {name: lookup(METRICS, name, "metric") for name in metrics}
    _check_sets(real_images, fake_images, chosen)
    needed = {need for metric in chosen.values() for need in metric.needs}
    given = {"train": train_images, "source": source_images}
    _check_others(fake_images, given, chosen)
    others = {need: images for need, images in given.items() if need in needed and images is not None}
    real = real_features(real_images, extractor, folder=cache) if cache else extract_features(extractor, real_images)
    fake = extract_features(extractor, fake_images)
    features = [real, fake, *(extract_features(extractor, images) for images in others.values())]
    sets = [
        Sets(*parts[:2], **dict(zip(others, parts[2:], strict=True)))
        for parts in zip(*(feature_sets(extractor, each) for each in features), strict=True)
    ]
    measured: dict[str, Measured] = {}
    for family in dict.fromkeys(metric.family for metric in chosen.values()):
        wanted = any(intervals is None or name in intervals for name in chosen if chosen[name].family is family)
        measured |= averaged([family(each, seed, wanted) for each in sets])
    return [
        Record(
            name=metric_name(metric.label, extractor.name, extractor.sha256),
            value=measured[name].value,
            interval=measured[name].interval.bounds,
            interval_note=measured[name].interval.note,
            method=measured[name].method,
            n_real=len(real),
            n_fake=len(fake),
            split=split,
            data=data,
            data_hash=image_hash(real_images),
            extractor=extractor.name,
            extractor_version=extractor.version,
            extractor_sha256=extractor.sha256,
            resize=extractor.resize,
            seed=seed,
        )
        for name, metric in chosen.items()
    ]


def averaged(sets: Sequence[dict[str, Measured]]) -> dict[str, Measured]:
    """The means of what was measured on several sets of features.

    Of an interval the ends are averaged, which makes it too wide rather than too narrow: a mean varies no more than
    its parts do on average.
    """
    if len(sets) == 1:
        return sets[0]
    means = {}
    for name, first in sets[0].items():
        bounds = [part[name].interval.bounds for part in sets]
        known = [pair for pair in bounds if pair is not None]
        low, high = np.mean(known or [(0.0, 0.0)], axis=0)
        ends = (float(low), float(high)) if len(known) == len(sets) else None
        note = first.interval.note if ends is None else f"{first.interval.note}, ends averaged over feature sets"
        value = float(np.mean([part[name].value for part in sets]))
        means[name] = Measured(value, Interval(ends, note), f"{first.method}, mean of {len(sets)} feature sets")
    return means


def _check_sets(real: np.ndarray, fake: np.ndarray, chosen: dict[str, Metric]) -> None:
    if not chosen:
        raise InputError(f"no metric was asked for. Known: {', '.join(METRICS)}.")
    check_images(real, "real")
    check_images(fake, "generated")
    if real.shape[1:] != fake.shape[1:]:
        raise InputError(
            f"real images are {_size(real)} and generated ones {_size(fake)} (height, width, channels)."
            " Bring both to one size before: resizing only one of them would count as a difference."
        )
    possible = [name for name, metric in chosen.items() if min(len(real), len(fake)) >= metric.least] or ["none"]
    for name, metric in chosen.items():
        if min(len(real), len(fake)) < metric.least:
            raise InputError(
                f"{name} needs {metric.least} or more images of each set; there are {len(real)} real and {len(fake)}"
                f" generated. Use more images, or --metrics {','.join(possible)}."
            )


def _check_others(fake: np.ndarray, others: dict[str, np.ndarray | None], chosen: dict[str, Metric]) -> None:
    for name, metric in chosen.items():
        for need in metric.needs:
            images = others[need]
            if images is None:
                raise InputError(f"{name} needs {ASKED_FOR[need]}, or leave {name} out.")
            check_images(images, need)
            if len(images) < metric.least_other:
                raise InputError(
                    f"{name} needs {metric.least_other} or more {need} images, and there are {len(images)}."
                    f" Leave {name} out."
                )
            if images.shape[1:] != fake.shape[1:]:
                raise InputError(f"{need} images are {_size(images)} and generated ones {_size(fake)}: not alike.")
            if need == "source" and len(images) != len(fake):
                raise InputError(
                    f"there are {len(images)} source images and {len(fake)} generated ones, expected one of each"
                    " for every latent vector."
                )


def _size(images: np.ndarray) -> str:
    return "x".join(str(extent) for extent in images.shape[1:])
