"""Rows of an experiment that goes on where it was."""

from types import SimpleNamespace

import pytest

from experiments.common.resumed import add_row, read_rows, rows_by
from genjax.errors import InputError


def test_a_row_that_a_stop_tore_does_not_spoil_the_next(tmp_path):
    path = tmp_path / "rows.jsonl"
    assert read_rows(path) == []
    add_row(path, {"name": "a"})
    with path.open("a") as file:
        file.write('{"name": "b", "val')
    assert read_rows(path) == [{"name": "a"}]
    add_row(path, {"name": "b"})
    assert read_rows(path) == [{"name": "a"}, {"name": "b"}]


def test_rows_of_another_budget_are_refused(tmp_path):
    path = tmp_path / "rows.jsonl"
    add_row(path, {"name": "a", "budget": {"num": 10}})
    assert rows_by("name", path, SimpleNamespace(num=10)).keys() == {"a"}
    with pytest.raises(InputError, match=r"a was made with num 10\. Name another --out for another budget"):
        rows_by("name", path, SimpleNamespace(num=20))
