"""The files that are left out of a set, counted and listed."""

import warnings

import numpy as np
import pytest

from genjax.data import Dataset
from genjax.data.left_out import counted, left_out_line, left_out_list, warn_of_left_out

REASONS = {
    "b.png": "damaged",
    "a/\u00e9.png": "hidden",
    "a/line\nend.png": "damaged",
    "\udcff.png": "hidden",
    "c": "damaged",
}


def of(left_out: dict[str, str], name: str = "folder:x", **more: object) -> Dataset:
    return Dataset(name, "train", np.zeros((2, 8, 8, 1), np.uint8), whole=8107, left_out=left_out, **more)  # type: ignore[arg-type]


def test_reasons_are_counted_the_most_frequent_first() -> None:
    assert counted(REASONS) == "damaged 3, hidden 2"
    assert counted({str(i): "hidden" for i in range(1234)}) == "hidden 1,234"


def test_a_line_says_what_is_there_and_what_is_not() -> None:
    classes = tuple(f"c{i}" for i in range(21))
    assert left_out_line(of(REASONS, class_names=classes)) == (
        "folder:x: 8,107 images, 21 classes; left out 5 (damaged 3, hidden 2)"
    )
    assert left_out_line(of({"a": "hidden"})) == "folder:x: 8,107 images; left out 1 (hidden 1)"


def test_the_list_has_a_line_a_file_whatever_its_name() -> None:
    listed = left_out_list(REASONS)
    assert listed.encode().decode() == listed
    assert listed.split("\n") == [
        "damaged\ta/line\\nend.png",
        "hidden\ta/\u00e9.png",
        "damaged\tb.png",
        "damaged\tc",
        "hidden\t\\udcff.png",
        "",
    ]


def test_a_set_is_warned_of_once() -> None:
    images = of({"b.png": "hidden", "a.png": "hidden"}, "folder:once")
    with pytest.warns(UserWarning, match=r"^folder:once: 8,107 images; left out 2 \(hidden 2\); the first a\.png$"):
        warn_of_left_out(images)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_left_out(images)
        warn_of_left_out(of({}, "folder:all"))
