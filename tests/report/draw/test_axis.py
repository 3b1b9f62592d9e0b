"""Axes: every value is on them, and their ticks are few and round."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genjax.report.draw.axis import Axis, short, span, ticks

NUMBERS = st.floats(-1e9, 1e9, allow_subnormal=False).map(lambda value: 0.0 if abs(value) < 1e-9 else value)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.lists(NUMBERS, min_size=1, max_size=8))
def test_every_value_and_every_tick_is_on_the_axis(numbers):
    axis = span(np.asarray(numbers))
    places = axis.place(np.asarray(numbers))
    assert np.all((places >= 0) & (places <= 1))
    assert np.array_equal(np.argsort(numbers, kind="stable"), np.argsort(places, kind="stable")) or np.any(
        np.diff(np.sort(places)) < 1e-12
    )
    found = ticks(axis)
    assert len(found) <= 6
    margin = 1e-9 * (axis.high - axis.low)
    assert all(axis.low - margin <= value <= axis.high + margin for value in found)


def test_decades_take_a_logarithmic_axis():
    assert span(np.asarray([0.01, 3.0])).logarithmic
    assert not span(np.asarray([0.5, 3.0])).logarithmic
    assert not span(np.asarray([-0.01, 3.0])).logarithmic
    assert ticks(Axis(0.009, 3.5, True)) == pytest.approx([0.01, 0.1, 1.0])


def test_what_is_not_negative_begins_at_zero():
    assert span(np.asarray([0.1, 1.0])).low == 0
    assert span(np.asarray([0.9, 1.0])).low > 0
    assert ticks(Axis(0.0, 1.06)) == pytest.approx([0, 0.5, 1])


def test_no_value_and_one_value_have_an_axis():
    assert span(np.empty(0)) == Axis(0.0, 1.0)
    for value in (0.0, -2.0, 5.0):
        axis = span(np.asarray([value]))
        assert axis.low < value < axis.high


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.01234567, "0.01235"),
        (3e-6, "3e-6"),
        (3000, "3000"),
        (12_000, "12k"),
        (2.5e6, "2.5M"),
        (0, "0"),
        (-1.5, "-1.5"),
    ],
)
def test_numbers_are_short(value, text):
    assert short(value) == text
