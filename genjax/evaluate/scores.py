"""Images in, records out: the one way in which generated images are judged against real ones."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genjax.errors import InputError, lookup
from genjax.evaluate.check import Floats
from genjax.evaluate.distances import frechet_distance, kernel_distance, kernel_distance_interval, uses_subsets
from genjax.evaluate.features import Extractor, check_images, extract_features, feature_sets
from genjax.evaluate.intervals import Interval, Measure, jackknife_intervals
from genjax.evaluate.neighbours import density_coverage, precision_recall
from genjax.evaluate.records import Record, metric_name
from genjax.evaluate.statistics import image_hash, real_features

SUBSETS, SUBSET_SIZE = 100, 1000  # of the kernel distance (Bińkowski et al. 2018)
RECALL_K, COVERAGE_K = 3, 5  # (Kynkäänniemi et al. 2019, Naeem et al. 2020)
LARGEST_JACKKNIFE = 2000  # images of a set, beyond which the 40 repetitions would take minutes
ANY, PART = (0.0, np.inf), (0.0, 1.0)


class Measured(NamedTuple):
    """One number before it becomes a record."""

    value: float
    interval: Interval
    method: str


Family = Callable[[Floats, Floats, int, bool], dict[str, Measured]]  # (real, fake, seed, intervals) -> by metric


def measure_fd(real: Floats, fake: Floats, seed: int, intervals: bool) -> dict[str, Measured]:
    """The Fréchet distance."""
    return _with_jackknife(
        lambda real, fake: [frechet_distance(real, fake)],
        real,
        fake,
        metrics={"fd": ANY},
        method="covariances with n - 1",
        seed=seed,
        intervals=intervals,
    )


def measure_kd(real: Floats, fake: Floats, seed: int, intervals: bool) -> dict[str, Measured]:
    """The kernel distance."""
    settings = {"subsets": SUBSETS, "subset_size": SUBSET_SIZE}
    in_subsets = uses_subsets(len(real), len(fake), **settings)
    method = f"mean of {SUBSETS} subsets of {SUBSET_SIZE}" if in_subsets else "all pairs"
    interval = Interval(None, "none: not asked for")
    if intervals and min(len(real), len(fake)) < 3:
        interval = Interval(None, "none: fewer than 3 images")
    elif intervals:
        interval = Interval(kernel_distance_interval(real, fake, **settings, seed=seed), "jackknife, single images")
    return {"kd": Measured(kernel_distance(real, fake, **settings, seed=seed), interval, method)}


def measure_precision_recall(real: Floats, fake: Floats, seed: int, intervals: bool) -> dict[str, Measured]:
    """Precision and recall."""
    return _with_jackknife(
        lambda real, fake: precision_recall(real, fake, k=RECALL_K),
        real,
        fake,
        metrics={"precision": PART, "recall": PART},
        method=f"k={RECALL_K}",
        seed=seed,
        intervals=intervals,
    )


def measure_density_coverage(real: Floats, fake: Floats, seed: int, intervals: bool) -> dict[str, Measured]:
    """Density and coverage."""
    return _with_jackknife(
        lambda real, fake: density_coverage(real, fake, k=COVERAGE_K),
        real,
        fake,
        metrics={"density": ANY, "coverage": PART},
        method=f"k={COVERAGE_K}",
        seed=seed,
        intervals=intervals,
    )


class Metric(NamedTuple):
    """How a metric is measured.

    Attributes:
        label: in the names of its records.
        family: measures it, and the metrics that come out of the same computation.
        least: images that it needs of each set.
    """

    label: str
    family: Family
    least: int


METRICS = {
    "fd": Metric("FD", measure_fd, 2),
    "kd": Metric("KD", measure_kd, 2),
    "precision": Metric("precision", measure_precision_recall, RECALL_K + 1),
    "recall": Metric("recall", measure_precision_recall, RECALL_K + 1),
    "density": Metric("density", measure_density_coverage, COVERAGE_K + 1),
    "coverage": Metric("coverage", measure_density_coverage, COVERAGE_K + 1),
}


def evaluate_images(
    real_images: np.ndarray,
    fake_images: np.ndarray,
    *,
    extractor: Extractor,
    data: str = "unnamed",
    split: str = "unknown",
    seed: int = 0,
    metrics: Sequence[str] = tuple(METRICS),
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
        intervals: metrics of which 95 % intervals are computed, which takes most of the time; None is all.
        cache: folder in which features of real sets are kept, as `cache_folder` gives it; None for none.
    Returns:
        A record for each metric, in the order asked for.
    Raises:
        InputError: unknown metrics, images of another type or shape, too few of them; all before anything is computed.
    """
    chosen = {name: lookup(METRICS, name, "metric") for name in metrics}
    _check_sets(real_images, fake_images, chosen)
    real = real_features(real_images, extractor, folder=cache) if cache else extract_features(extractor, real_images)
    fake = extract_features(extractor, fake_images)
    measured: dict[str, Measured] = {}
    for family in dict.fromkeys(metric.family for metric in chosen.values()):
        sets = zip(feature_sets(extractor, real), feature_sets(extractor, fake), strict=True)
        wanted = any(intervals is None or name in intervals for name in chosen if chosen[name].family is family)
        measured |= averaged([family(*pair, seed, wanted) for pair in sets])
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
    for name, metric in chosen.items():
        if min(len(real), len(fake)) < metric.least:
            raise InputError(
                f"{name} needs {metric.least} or more images of each set; there are {len(real)} real and {len(fake)}"
                " generated. Use more images, or leave it out."
            )


def _size(images: np.ndarray) -> str:
    return "x".join(str(extent) for extent in images.shape[1:])


def _with_jackknife(
    measure: Measure,
    real: Floats,
    fake: Floats,
    *,
    metrics: dict[str, tuple[float, float]],
    method: str,
    seed: int,
    intervals: bool,
) -> dict[str, Measured]:
    """The values of a family, with intervals where they are wanted and can be had."""
    none = [Interval(None, "none: not asked for")] * len(metrics)
    if intervals and max(len(real), len(fake)) > LARGEST_JACKKNIFE:
        none = [Interval(None, f"none: more than {LARGEST_JACKKNIFE} images")] * len(metrics)
    elif intervals:
        none = jackknife_intervals(measure, real, fake, limits=list(metrics.values()), seed=seed)
    values = measure(real, fake)
    return {name: Measured(v, i, method) for name, v, i in zip(metrics, values, none, strict=True)}
