"""The benchmark of the transfers."""

import json

import pytest
from experiment import quick
from PIL import Image


def test_the_few_shot_benchmark_fills_its_table_and_goes_on_where_it_was(tmp_path):
    arguments = ("--families", "vae", "--out", "out")
    quick("few_shot_benchmark", *arguments, folder=tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    assert [(row["transfer"], row["seed"]) for row in rows] == [
        (t, s) for s in (0, 1) for t in ("unadapted", "full", "lora")
    ]
    assert {(row["transfer"] == "unadapted", row["images_seen"]) for row in rows} == {(True, 0), (False, 20)}
    assert len({row["source_identity"] for row in rows}) == 1
    retained = [row["values"]["retention"] for row in rows if row["transfer"] == "unadapted"]
    assert retained == pytest.approx([1, 1])
    for row in rows:
        assert {"KD", "FD", "coverage", "intra_diversity", "copy_rate", "retention"} <= set(row["values"])
        assert {"family", "source", "target", "transfer", "shots", "seed", "trained", "bytes"} <= set(row)
    table = (tmp_path / "out" / "results.md").read_text()
    assert "| full | 2 |" in table
    assert "Better than `full`, intervals apart" in table
    assert "Nearer than the source was, paired by seed" in table
    with Image.open(tmp_path / "out" / "digits-glyphs-vae.png") as picture:
        assert picture.width > 400
    quick("few_shot_benchmark", *arguments, folder=tmp_path)
    assert len((tmp_path / "out" / "results.jsonl").read_text().splitlines()) == len(rows)
