"""What the metrics are measured on, and how each family of them is: numbers with intervals, before they are records."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from genjax.evaluate.metrics.check import Floats
from genjax.evaluate.metrics.distances import (
    MOST_LEFT_OUT,
    frechet_distance,
    kernel_distance,
    kernel_distance_measured,
    uses_subsets,
)
from genjax.evaluate.metrics.diversity import intra_diversity, retention, vendi_score
from genjax.evaluate.metrics.intervals import Interval, Measure, jackknife_intervals
from genjax.evaluate.metrics.memorisation import auth_pct, c_t, copy_rate
from genjax.evaluate.metrics.neighbours import density_coverage, precision_recall

SUBSETS, SUBSET_SIZE = 100, 1000  # of the kernel distance (Bińkowski et al. 2018)
RECALL_K, COVERAGE_K = 3, 5  # (Kynkäänniemi et al. 2019, Naeem et al. 2020)
INTRA_MOST = 50  # images of a cluster (Ojha et al. 2021)
LARGEST_JACKKNIFE = 2000  # images of a set, beyond which the 40 repetitions would take minutes
ANY, PART, SIGNED = (0.0, np.inf), (0.0, 1.0), (-np.inf, np.inf)


class Sets(NamedTuple):
    """Features of all images that a metric may ask for.

    Attributes:
        real: (n, d), held out.
        fake: (m, d).
        train: (s, d), what the generator was trained on, the shots of an adaptation; None where it is unknown.
        source: (m, d), what the source makes of the latents of `fake`; None without a source.
    """

    real: Floats
    fake: Floats
    train: Floats | None = None
    source: Floats | None = None


class Measured(NamedTuple):
    """One number before it becomes a record."""

    value: float
    interval: Interval
    method: str


Family = Callable[[Sets, int, bool], dict[str, Measured]]  # (sets, seed, intervals) -> {metric: measured}


def measure_fd(sets: Sets, seed: int, intervals: bool) -> dict[str, Measured]:
    """The Fréchet distance."""
    measure: Measure = lambda real, fake: [frechet_distance(real, fake)]  # noqa: E731
    return _with_jackknife(measure, sets, {"fd": ANY}, "covariances with n - 1", seed, intervals)


def measure_kd(sets: Sets, seed: int, intervals: bool) -> dict[str, Measured]:
    """The kernel distance."""
    real, fake, settings = sets.real, sets.fake, {"subsets": SUBSETS, "subset_size": SUBSET_SIZE}
    in_subsets = uses_subsets(len(real), len(fake), **settings)
    method = f"mean of {SUBSETS} subsets of {SUBSET_SIZE}" if in_subsets else "all pairs"
    if not intervals or min(len(real), len(fake)) < 3:
        note = "none: fewer than 3 images" if intervals else "none: not asked for"
        return {"kd": Measured(kernel_distance(real, fake, **settings, seed=seed), Interval(None, note), method)}
    found = kernel_distance_measured(real, fake, **settings, seed=seed)
    left_out = f" of {MOST_LEFT_OUT:,}" if max(len(real), len(fake)) > MOST_LEFT_OUT else ""
    return {"kd": Measured(found.value, Interval(found.interval, f"jackknife, single images{left_out}"), method)}


def measure_precision_recall(sets: Sets, seed: int, intervals: bool) -> dict[str, Measured]:
    """Precision and recall."""
    measure: Measure = lambda real, fake: precision_recall(real, fake, k=RECALL_K)  # noqa: E731
    return _with_jackknife(measure, sets, {"precision": PART, "recall": PART}, f"k={RECALL_K}", seed, intervals)


def measure_density_coverage(sets: Sets, seed: int, intervals: bool) -> dict[str, Measured]:
    """Density and coverage."""
    measure: Measure = lambda real, fake: density_coverage(real, fake, k=COVERAGE_K)  # noqa: E731
    return _with_jackknife(measure, sets, {"density": ANY, "coverage": PART}, f"k={COVERAGE_K}", seed, intervals)


def measure_vendi(sets: Sets, seed: int, intervals: bool) -> dict[str, Measured]:
    """The Vendi score, of the generated images alone."""
    return {"vendi": Measured(vendi_score(sets.fake), _UNKNOWN, "order 1, cosine similarity")}


def measure_intra_diversity(sets: Sets, seed: int, intervals: bool) -> dict[str, Measured]:
    """Diversity around each shot, as a part of that of held-out images around it."""
    value = intra_diversity(sets.fake, _known(sets.train), held_out=sets.real, most=INTRA_MOST, seed=seed)
    return {"intra_diversity": Measured(value, _UNKNOWN, f"of held-out images, at most {INTRA_MOST} a cluster")}


def measure_copy_rate(sets: Sets, seed: int, intervals: bool) -> dict[str, Measured]:
    """How many generated images are nearer to a training image than nearly all held-out ones."""
    value = copy_rate(sets.fake, _known(sets.train), sets.real)
    return {"copy_rate": Measured(value, _UNKNOWN, "5 % quantile of held-out images")}


def measure_authenticity(sets: Sets, seed: int, intervals: bool) -> dict[str, Measured]:
    """How many generated images are no training image with noise."""
    return {"auth_pct": Measured(auth_pct(_known(sets.train), sets.fake), _UNKNOWN, "nearest training image")}


def measure_data_copying(sets: Sets, seed: int, intervals: bool) -> dict[str, Measured]:
    """The test for data-copying."""
    return {"c_t": Measured(c_t(_known(sets.train), sets.real, sets.fake, seed=seed), _UNKNOWN, "one cell")}


def measure_retention(sets: Sets, seed: int, intervals: bool) -> dict[str, Measured]:
    """How much of the source's order of likeness is left, on the same latents."""
    return {"retention": Measured(retention(_known(sets.source), sets.fake, seed=seed), _UNKNOWN, "same latents")}


_UNKNOWN = Interval(None, "none: repeat it over seeds")


def _known(features: Floats | None) -> Floats:
    if features is None:
        raise ValueError("a metric was measured without the images that it needs")
    return features


def _with_jackknife(
    measure: Measure, sets: Sets, metrics: dict[str, tuple[float, float]], method: str, seed: int, intervals: bool
) -> dict[str, Measured]:
    """The values of a family, with intervals where they are wanted and can be had."""
    none = [Interval(None, "none: not asked for")] * len(metrics)
    if intervals and max(len(sets.real), len(sets.fake)) > LARGEST_JACKKNIFE:
        none = [Interval(None, f"none: more than {LARGEST_JACKKNIFE} images")] * len(metrics)
    elif intervals:
        none = jackknife_intervals(measure, sets.real, sets.fake, limits=list(metrics.values()), seed=seed)
    values = measure(sets.real, sets.fake)
    return {name: Measured(v, i, method) for name, v, i in zip(metrics, values, none, strict=True)}
