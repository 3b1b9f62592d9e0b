"""The grouped jackknife: exact where it can be, and how often its intervals hold what they should."""

import numpy as np
import pytest
from scipy.special import stdtrit

from genjax.evaluate import density_coverage, frechet_distance, precision_recall
from genjax.evaluate.metrics.intervals import jackknife_intervals

ANY, PART = (-np.inf, np.inf), (0.0, 1.0)


def mean_difference(real, fake):
    return [float(fake.mean() - real.mean())]


def test_for_single_images_it_is_the_standard_error_of_a_mean():
    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((9, 1)), rng.standard_normal((9, 1)) * 2
    (interval,) = jackknife_intervals(mean_difference, real, fake, limits=[ANY], groups=9)
    error = np.sqrt(real.var(ddof=1) / 9 + fake.var(ddof=1) / 9)
    (value,) = mean_difference(real, fake)
    half = stdtrit(8, 0.975) * error
    assert interval.bounds == pytest.approx((value - half, value + half))
    assert interval.note == "jackknife, 9 groups"


def test_an_interval_stays_where_the_metric_can_be():
    rng = np.random.default_rng(1)
    real, fake = rng.standard_normal((60, 4)), rng.standard_normal((60, 4))
    for interval in jackknife_intervals(precision_recall, real, fake, limits=[PART, PART]):
        assert interval.bounds is not None
        assert 0 <= interval.bounds[0] <= interval.bounds[1] <= 1


def test_no_spread_is_no_certainty():
    rng = np.random.default_rng(2)
    real = rng.standard_normal((30, 4))
    both = jackknife_intervals(precision_recall, real, real + 100, limits=[PART, PART])
    assert [interval.bounds for interval in both] == [None, None]
    assert both[0].note == "none: every part of the images gives the same value"


def test_too_few_images_have_no_interval():
    rng = np.random.default_rng(3)
    real, fake = rng.standard_normal((4, 2)), rng.standard_normal((4, 2))
    both = jackknife_intervals(precision_recall, real, fake, limits=[PART, PART])
    assert [interval.note for interval in both] == ["none: too few images to leave some out"] * 2


def test_the_seed_decides():
    rng = np.random.default_rng(4)
    real, fake = rng.standard_normal((50, 3)), rng.standard_normal((40, 3))
    runs = [jackknife_intervals(density_coverage, real, fake, limits=[ANY, PART], seed=s) for s in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.slow
def test_the_intervals_hold_the_expected_value():
    """Of 60 draws 95 % intervals miss 3, and 9 once in 500 times. Metrics by neighbours are held more often."""
    rng = np.random.default_rng(5)

    def draw():
        return rng.standard_normal((60, 6)), rng.standard_normal((80, 6)) * 0.8 + 0.3

    def measure(real, fake):
        return [frechet_distance(real, fake), *precision_recall(real, fake), *density_coverage(real, fake)]

    expected = np.mean([measure(*draw()) for _ in range(200)], axis=0)
    limits = [ANY, PART, PART, ANY, PART]
    held = np.zeros(5)
    for seed in range(60):
        found = jackknife_intervals(measure, *draw(), limits=limits, seed=seed)
        for i, interval in enumerate(found):
            held[i] += interval.bounds is None or interval.bounds[0] <= expected[i] <= interval.bounds[1]
    assert (held >= 51).all()
