"""The experiment of equal time."""

import json

from experiment import quick
from PIL import Image


def test_families_have_the_same_time_and_are_judged_alike(tmp_path):
    quick("flow/equal_time", "--out", "out", folder=tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "out" / "equal_time.jsonl").read_text().splitlines()]
    assert [row["name"] for row in rows] == ["digits/vae/0", "digits/flow by class/0"]
    assert all(row["steps"] >= 1 and row["values"].keys() == {"KD", "FD", "coverage"} for row in rows)
    table = (tmp_path / "out" / "equal_time.md").read_text()
    assert f"| digits | vae | {rows[0]['steps']:,} |" in table
    with Image.open(tmp_path / "out" / "images.png") as picture:
        assert picture.width > picture.height
    quick("flow/equal_time", "--out", "out", folder=tmp_path)
    assert len((tmp_path / "out" / "equal_time.jsonl").read_text().splitlines()) == len(rows)
