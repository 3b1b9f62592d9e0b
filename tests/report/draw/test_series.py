"""Curves out of the lines of a log."""

import math

import numpy as np

from genjax.report.draw.series import Series, constant, read_series, thinned


def test_each_name_has_its_own_steps():
    lines = [{"step": 1, "loss": 2.0}, {"step": 2, "loss": math.inf, "KD": 0.1}, {"step": 3, "KD": math.nan}]
    found = read_series(lines, "run")
    assert list(found) == ["loss", "KD"]
    np.testing.assert_array_equal(found["loss"].steps, [1, 2])
    np.testing.assert_array_equal(found["loss"].values, [2.0, math.nan])
    np.testing.assert_array_equal(found["KD"].finite, [0.1])
    assert found["loss"].label == "run"


def test_the_ends_of_intervals_belong_to_their_value():
    lines = [{"step": 1, "KD": 2.0, "KD/low": 1.0, "KD/high": 3.0}, {"step": 2, "KD": 2.0}, {"step": 2, "other/low": 1}]
    found = read_series(lines)
    assert list(found) == ["KD", "other/low"]
    np.testing.assert_array_equal(found["KD"].low, [1.0, math.nan])
    np.testing.assert_array_equal(found["KD"].high, [3.0, math.nan])


def test_thinning_keeps_ends_and_spikes():
    values = np.zeros(10_000)
    values[777], values[4321] = 5.0, -3.0
    thin = thinned(Series("", np.arange(10_000.0), values))
    assert len(thin.steps) <= 600
    assert (thin.steps[0], thin.steps[-1]) == (0, 9999)
    assert (thin.values.max(), thin.values.min()) == (5.0, -3.0)
    assert np.all(np.diff(thin.steps) > 0)


def test_what_never_changes():
    def of(*values):
        return Series("", np.arange(float(len(values))), np.asarray(values, float))

    assert constant([of(1, 1), of(1)]) == 1
    assert constant([of(1, 1), of(2)]) is None
    assert constant([of(1)]) is None
    assert constant([of(math.nan, math.nan)]) is None
