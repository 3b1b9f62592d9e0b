"""Runs that last."""

import json

from experiment import quick


def test_a_soak_looks_at_runs_and_judges_them(tmp_path):
    quick("faults/soak", "--out", "out", folder=tmp_path)
    content = json.loads((tmp_path / "out" / "soak.json").read_text())
    assert set(content["found"]) == {"gan", "vae"}
    for family, values in content["found"].items():
        assert values["violations"] == []
        assert values["images"] > 0
        assert values["megabytes"][0] > 50
        columns = list(zip(*content["looks"][family], strict=True))
        assert all(list(column) == sorted(column) for column in columns[:3])  # clocks and images go forward
    assert "| gan |" in (tmp_path / "out" / "soak.md").read_text()
    assert (tmp_path / "out" / "soak.png").exists()
