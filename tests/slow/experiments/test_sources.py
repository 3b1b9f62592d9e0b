"""The comparison of sources runs in its quick form, goes on where it was, and its correlation is that of ranks."""

import json

import pytest
from experiment import quick

from experiments.few_shot.sources import agreement, markdown


@pytest.mark.slow
def test_the_quick_form_measures_adapts_and_compares(tmp_path):
    done = quick("few_shot/sources", "--out", tmp_path / "out", folder=tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "out" / "rows.jsonl").read_text().splitlines()]
    assert [row["target"] for row in rows] == ["digits"] * len(rows)
    assert all(row["refused"] or row["kd"] is not None for row in rows)
    assert (tmp_path / "out" / "sources.md").read_text() in done.stdout
    again = quick("few_shot/sources", "--out", tmp_path / "out", folder=tmp_path)
    assert again.stdout == done.stdout
    assert len((tmp_path / "out" / "rows.jsonl").read_text().splitlines()) == len(rows)


def row(source, distance, recall, kd):
    return {
        "target": "t",
        "source": source,
        "distance": distance,
        "recall": recall,
        "fit": None,
        "kd": kd,
        "refused": "",
    }


def test_agreement_is_1_where_the_orders_are_the_same():
    rows = [row("a", 1.0, 0.9, 0.1), row("b", 2.0, 0.5, 0.7), row("c", 9.0, 0.6, 0.8)]
    assert agreement(rows, "distance") == pytest.approx(1)
    assert agreement(rows, "recall") == pytest.approx(0.5)  # 1 - 6 (0 + 1 + 1) / (3 (9 - 1))
    assert "| t | 3 | 1.00 | 0.50 |" in markdown(rows)
