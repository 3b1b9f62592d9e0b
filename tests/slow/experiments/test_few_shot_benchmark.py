"""The benchmark of the transfers."""

import json

import pytest
from experiment import quick
from PIL import Image

from experiments.few_shot.tables import paired


def test_the_few_shot_benchmark_fills_its_table_and_goes_on_where_it_was(tmp_path):
    arguments = ("--families", "vae", "--out", "out")
    quick("few_shot/benchmark", *arguments, folder=tmp_path)
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
    quick("few_shot/benchmark", *arguments, folder=tmp_path)
    assert len((tmp_path / "out" / "results.jsonl").read_text().splitlines()) == len(rows)


@pytest.mark.parametrize(("source", "nearer"), [("this", True), ("another", False)])
def test_only_what_began_at_one_source_is_compared(source, nearer):
    base = [{"seed": seed, "source_identity": "this", "values": {"KD": 3.0}} for seed in range(3)]
    rows = [{"seed": seed, "source_identity": source, "values": {"KD": 1.0 + 0.01 * seed}} for seed in range(3)]
    assert paired(rows, base, "KD", -1) is nearer
