"""The experiment of a flow's drawings."""

import json

from experiment import quick
from PIL import Image


def test_drawings_of_a_flow_are_judged_and_go_on_where_they_were(tmp_path):
    quick("flow/drawing", "--out", "out", folder=tmp_path)
    rows = tmp_path / "out" / "drawing.jsonl"
    names = [json.loads(line)["name"] for line in rows.read_text().splitlines()]
    assert names == [
        *("heun/1", "heun/2", "euler/1", "euler/2"),
        *("guidance/1", "guidance/2", "guidance in an interval/2"),
    ]
    table = (tmp_path / "out" / "drawing.md").read_text()
    assert "| heun | 2 | 3 |" in table
    assert "| guidance | 2 | 10 |" in table
    with Image.open(tmp_path / "out" / "drawing.png") as picture:
        assert picture.width > 400
    quick("flow/drawing", "--out", "out", folder=tmp_path)
    assert len(rows.read_text().splitlines()) == len(names)
