"""How long a folder takes to be read."""

import json

from experiment import quick


def test_both_starts_are_measured_and_a_peer_that_is_missing_is_said(tmp_path):
    quick("reading", "--out", "out", folder=tmp_path)
    rows = json.loads((tmp_path / "out" / "reading.json").read_text())["rows"]
    assert {row["case"] for row in rows} == {
        "genjax, first start",
        "genjax, second start",
        "torchvision, 2 workers",
    }
    assert all(row["found"]["images"] == 240 for row in rows if "genjax" in row["case"])
    table = (tmp_path / "out" / "reading.md").read_text()
    missing = [row for row in rows if row["found"] is None]
    assert table.count("torchvision is not installed") == len(missing)
