"""The benchmark of the controllers."""

import json

from experiment import quick


def test_the_controllers_benchmark_fills_its_table(tmp_path):
    quick("few_shot/controllers", "--out", "out", folder=tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "out" / "controllers.jsonl").read_text().splitlines()]
    assert [row["controller"] for row in rows] == ["geco"]
    assert "| digits | geco |" in (tmp_path / "out" / "controllers.md").read_text()
