"""Curves and whiskers: what they say in words and what they draw."""

import math
import re

import numpy as np
from reading import Page

from genjax.report.draw.curves import chart, legend, panel, unbroken
from genjax.report.draw.series import Series
from genjax.report.draw.whiskers import Whisker, whiskers


def series(values, label="", **ends):
    return Series(label, 50.0 * np.arange(1, len(values) + 1), np.asarray(values, float), **ends)


def drawn(markup, class_):
    return [attributes for attributes in Page(markup).all("path") if attributes.get("class") == class_]


def test_a_curve_is_told_in_words():
    text = Page(chart("loss/critic", [series([3.0, 1.0, 2.0])])).all("svg")[0]["aria-label"]
    assert text == "loss/critic: 3 at step 50, 2 at step 150; lowest 1, highest 3."
    text = Page(chart("a", [series([1.0, 1000.0], "first"), series([math.nan], "second")])).all("svg")[0]["aria-label"]
    assert text.startswith("a of first: 1 at step 50")
    assert "a of second: no finite value." in text
    assert text.endswith("Logarithmic axis.")


def test_a_curve_stays_within_its_picture():
    markup = chart("x", [series([1e-6, 5.0, 1e6])])
    (path,) = drawn(markup, "line")
    points = [tuple(map(float, pair)) for pair in re.findall(r"[ML]([\d.]+) ([\d.]+)", path["d"])]
    assert len(points) == 3
    assert all(0 <= x <= 320 and 0 <= y <= 160 for x, y in points)
    assert points[0][1] > points[1][1] > points[2][1], "up is more"


def test_a_curve_breaks_where_it_was_not_finite():
    values = [1, math.nan, 2, 3, math.nan]
    assert [list(part) for part in unbroken(np.asarray(values))] == [[0], [2, 3]]
    (path,) = drawn(chart("x", [series(values)]), "line")
    assert path["d"].count("M") == 2
    assert "nan" not in chart("x", [series(values)])
    assert unbroken(np.asarray([math.nan])) == []


def test_intervals_are_a_band():
    low, high = np.asarray([0.5, math.nan, 2.0]), np.asarray([2.0, math.nan, 4.0])
    (band,) = drawn(chart("KD", [series([1.0, 2.0, 3.0], low=low, high=high)]), "band")
    assert band["d"].count("L") == 3
    assert drawn(chart("KD", [series([1.0, 2.0, 3.0])]), "band") == []


def test_each_run_has_its_colour_also_where_it_measured_nothing():
    markup = panel("x", [series([1.0], "a"), series([], "b"), series([2.0], "<c>")])
    assert [g["class"] for g in Page(markup).all("g")] == ["line-0", "line-1", "line-2"]
    assert [li["class"] for li in Page(legend(["a", "b", "<c>"])).all("li")] == ["line-0", "line-1", "line-2"]
    assert "<c>" not in markup


def test_whiskers():
    page = Page(whiskers("KD", [Whisker("a", 1.0, (0.5, 2.0)), Whisker("<b>", 3.0, None, 1)]))
    assert page.all("svg")[0]["aria-label"] == "KD of a: 1 (0.5 to 2); KD of <b>: 3"
    intervals = [line for line in page.all("line") if line["class"] == "line"]
    assert len(intervals) == 1
    assert float(intervals[0]["x1"]) < float(page.all("circle")[0]["cx"]) < float(intervals[0]["x2"])
    assert float(page.all("circle")[1]["cx"]) > float(intervals[0]["x2"])
