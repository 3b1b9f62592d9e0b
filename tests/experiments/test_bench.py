"""The bench against plain Flax and the machine."""

import json

from experiment import quick


def test_the_bench_compares_with_plain_flax_and_the_machine(tmp_path):
    rows = json.loads(quick("bench", "--json", "--out", "out", folder=tmp_path).stdout)
    assert [row["case"] for row in rows] == ["demo", "sample_1"]
    assert rows[0]["against_naive"][0] > 1
    assert 0 < rows[0]["of_limit"] < 1.5
    assert "| demo's GAN step" in (tmp_path / "out" / "bench.md").read_text()
