"""What controllers and transfers cost."""

import json

from experiment import quick


def test_the_cost_of_adaptation_is_measured(tmp_path):
    quick("bench/adaptation", "--out", "out", folder=tmp_path)
    rows = json.loads((tmp_path / "out" / "adaptation_cost.json").read_text())
    assert [row["kind"] for row in rows] == ["controller", "transfer", "transfer", "fisher", "fisher"]
    assert "| `lora` | `full` |" in (tmp_path / "out" / "adaptation_cost.md").read_text()
