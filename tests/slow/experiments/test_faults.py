"""What is done to runs on purpose."""

import json

from experiment import quick


def test_what_can_befall_a_run_is_done_to_it_and_it_keeps_its_promises(tmp_path):
    done = quick("faults/faults", "--out", "out", folder=tmp_path)
    assert "yes" in done.stdout
    rows = json.loads((tmp_path / "out" / "faults.json").read_text())["rows"]
    assert list(rows) == ["killed", "stopped", "two at once", "read", "fuzzed"]
    assert [violation for row in rows.values() for violation in row["violations"]] == []
    assert rows["killed"]["vae"]["kills"] == 1
    assert rows["read"]["vae"]["reads"] >= 7
    assert "| kill -9 at random moments" in (tmp_path / "out" / "faults.md").read_text()
