"""Stability: every figure on series of which it is known."""

import math

import numpy as np
import pytest

from genjax.errors import InputError
from genjax.evaluate.metrics.stability import collapse_step, over_seeds, stability


def history(values, name="kd", **others):
    return [{"step": 10 * (i + 1), name: v, **{n: s[i] for n, s in others.items()}} for i, v in enumerate(values)]


def test_the_figures_of_a_run():
    found = stability(history([5.0, 2.0, 1.0, 3.0, 1.5, 2.0]), metric="kd")
    assert (found.best, found.final, found.ratio, found.worst_jump) == (1.0, 2.0, 2.0, 2.0)
    assert found.late_deviation == pytest.approx(np.std([1.5, 2.0], ddof=1))
    assert (found.collapse_step, found.not_finite) == (None, 0)


def test_a_run_that_only_improves_has_no_jump():
    found = stability(history([3.0, 2.0, 1.0]), metric="kd")
    assert (found.ratio, found.worst_jump) == (1.0, 0.0)


def test_values_that_are_not_finite_are_counted_and_left_out():
    found = stability(history([3.0, math.nan, 1.0, math.inf]), metric="kd")
    assert (found.best, found.final, found.not_finite) == (1.0, 1.0, 2)


def test_lines_without_the_metric_are_passed_over():
    lines = [{"step": 1, "loss": 3.0}, *history([2.0, 1.0])]
    assert stability(lines, metric="kd").final == 1.0


@pytest.mark.parametrize(
    ("coverage", "step"),
    [
        ([0.2, 0.8, 0.7, 0.3, 0.1], 40),
        ([0.2, 0.8, 0.3, 0.7, 0.6], None),  # it recovered
        ([0.2, 0.3, 0.4, 0.4, 0.5], None),
        ([0.2, 0.8, 0.3, 0.6, 0.1], 50),
    ],
)
def test_a_collapse_is_a_fall_under_half_of_the_peak_that_stays(coverage, step):
    assert collapse_step(history(coverage, "coverage"), "coverage") == step


def test_the_first_collapse_of_several_measures_counts():
    lines = history([1.0] * 4, coverage=[1.0, 1.0, 1.0, 0.1], vendi=[9.0, 9.0, 2.0, 2.0])
    assert stability(lines, metric="kd", diversity=("coverage", "vendi")).collapse_step == 30


def test_over_seeds_gives_means_and_deviations():
    runs = [
        stability(history([4.0, value], coverage=[1.0, last]), metric="kd", diversity=("coverage",))
        for value, last in ((1.0, 1.0), (2.0, 1.0), (3.0, 0.1))
    ]
    found = over_seeds(runs)
    assert found["final"] == (2.0, 1.0)
    assert found["collapses"][0] == pytest.approx(1 / 3)
    assert over_seeds(runs[:1])["final"] == (1.0, 0.0)


def test_too_few_evaluations_are_an_error():
    with pytest.raises(InputError, match=r"1 evaluations of kd were found, expected 2 or more"):
        stability(history([1.0]), metric="kd")
