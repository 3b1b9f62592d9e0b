"""What a user waits for."""

import json

from experiment import quick


def test_starts_and_waits_are_measured(tmp_path):
    quick("bench/waiting", "--out", "out", folder=tmp_path)
    found = json.loads((tmp_path / "out" / "waiting.json").read_text())
    assert all(seconds > 0 for seconds in (found["starts"]["help"], found["starts"]["second"]))
    assert [row["images"].partition(", ")[2] for row in found["images"]] == [
        *("16 pixels, decoded before", "32 pixels, decoded before", "32 pixels, decoded while it runs")
    ]
    assert all(row["step_ms"] > 0 and 0 <= row["wait"] < 1 for row in found["images"])
    assert "| `genjax --help` |" in (tmp_path / "out" / "waiting.md").read_text()
