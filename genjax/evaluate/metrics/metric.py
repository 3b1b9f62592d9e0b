"""The shape of a metric: the features it gets, the numbers it gives, and the SPEC by which it is listed.

A metric's file holds pure functions of features, a `measure_*` function in the form below and a `MetricSpec`. The list
of all specs is `SPECS` in genjax/evaluate/scores.py.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from genjax.evaluate.metrics.check import Floats
from genjax.evaluate.metrics.intervals import Interval, Measure, jackknife_intervals

LARGEST_JACKKNIFE = 2000  # images of a set, beyond which the repetitions would take minutes
AT_LEAST_0, FROM_0_TO_1 = (0.0, np.inf), (0.0, 1.0)  # limits of values, which their intervals do not leave
NO_INTERVAL = Interval(None, "none: repeat it over seeds")  # of a metric without a known standard error


class Sets(NamedTuple):
    """Features of all images that a metric may ask for.

    Attributes:
        real: features (n, d) of held-out real images.
        fake: features (m, d) of generated images.
        train: features (s, d) of the training images, the shots of an adaptation; None if unknown.
        source: features (m, d) of the source's images of the same latents as `fake`; None without a source.
    """

    real: Floats
    fake: Floats
    train: Floats | None = None
    source: Floats | None = None


class Measured(NamedTuple):
    """One number before it becomes a record.

    Attributes:
        value: number that was measured.
        interval: its 95 % interval.
        method: settings it was measured with.
        caveats: facts about these images that a reader must know, each a phrase without a full stop.
    """

    value: float
    interval: Interval
    method: str
    caveats: tuple[str, ...] = ()


MeasureSets = Callable[[Sets, int, bool], dict[str, Measured]]  # (sets, seed, intervals) -> {metric: number}


class MetricSpec(NamedTuple):
    """A family of metrics, the numbers that come out of one computation, as it describes itself.

    Attributes:
        names: {name as it is asked for: name in records}, such as {"kd": "KD"}.
        measure: the function that computes all of them; its dictionary has the keys of `names`.
        summary: sentence for help texts and documentation.
        least: fewest images of each set, real and generated.
        needs: further images beside these two sets: "train", "source" or both.
        wants: those that it takes where there are any, and does without.
        least_other: fewest images of each further set.
        core: True if it is measured where no metrics are named. Such a metric needs no further images.
    """

    names: Mapping[str, str]
    measure: MeasureSets
    summary: str
    least: int = 2
    needs: tuple[str, ...] = ()
    wants: tuple[str, ...] = ()
    least_other: int = 1
    core: bool = False


def required(features: Floats | None, which: str) -> Floats:
    """Returns features that a spec asks for in `needs`.

    Raises:
        ValueError: they are missing. `evaluate_images` checks that before, so that this is a fault of the program.
    """
    if features is None:
        raise ValueError(f"a metric was measured without the {which} images that it needs")
    return features


def measure_with_jackknife(
    measure: Measure, sets: Sets, limits: Mapping[str, tuple[float, float]], *, method: str, seed: int, intervals: bool
) -> dict[str, Measured]:
    """Computes the values of a family of metrics, with jackknife intervals if they are wanted and possible.

    Args:
        measure: function (real features, fake features) -> values, in the order of `limits`.
        sets: features of both sets.
        limits: {metric: (lowest, highest) value that it can have}.
        method: settings of the metrics, for the records.
        seed: seed of the groups that are left out.
        intervals: False computes the values alone.
    """
    found = [Interval(None, "none: not asked for")] * len(limits)
    if intervals and max(len(sets.real), len(sets.fake)) > LARGEST_JACKKNIFE:
        found = [Interval(None, f"none: more than {LARGEST_JACKKNIFE} images")] * len(limits)
    elif intervals:
        found = jackknife_intervals(measure, sets.real, sets.fake, limits=list(limits.values()), seed=seed)
    values = measure(sets.real, sets.fake)
    return {name: Measured(v, i, method) for name, v, i in zip(limits, values, found, strict=True)}
