"""The experiments on GANs: the recipe of R3GAN, techniques, networks, and what a branch costs."""

import json

from experiment import quick
from PIL import Image


def test_the_recipe_is_compared_with_the_default(tmp_path):
    done = quick("gan/recipe", "--out", "out", folder=tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "out" / "rows.jsonl").read_text().splitlines()]
    ways = ("default", "recipe", "recipe, a tenth of the penalty")
    assert [row["name"] for row in rows] == [f"digits/{way}/0" for way in ways]
    assert all(row["values"].keys() == {"KD", "FD", "coverage"} for row in rows)
    assert done.stdout.rstrip() == (tmp_path / "out" / "table.md").read_text().rstrip()
    with Image.open(tmp_path / "out" / "images.png") as picture:
        assert picture.width > picture.height
    quick("gan/recipe", "--out", "out", folder=tmp_path)
    assert len((tmp_path / "out" / "rows.jsonl").read_text().splitlines()) == len(rows)


def test_techniques_are_compared_one_at_a_time(tmp_path):
    done = quick("gan/techniques", "--out", "out", folder=tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "out" / "rows.jsonl").read_text().splitlines()]
    assert [row["name"] for row in rows] == [f"digits/{way}/0" for way in ("default", "bCR", "top-k")]
    assert len({row["values"]["KD"] for row in rows}) == 3, "each way trains another model"
    assert done.stdout.rstrip() == (tmp_path / "out" / "table.md").read_text().rstrip()
    quick("gan/techniques", "--out", "out", folder=tmp_path)
    assert len((tmp_path / "out" / "rows.jsonl").read_text().splitlines()) == len(rows)


def test_networks_are_compared_after_the_same_time(tmp_path):
    done = quick("gan/networks", "--out", "out", folder=tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "out" / "rows.jsonl").read_text().splitlines()]
    assert [row["name"] for row in rows] == ["digits/dcgan/0", "digits/resnet/0"]
    assert all(row["steps"] > 0 for row in rows)
    assert done.stdout.rstrip() == (tmp_path / "out" / "table.md").read_text().rstrip()
    with Image.open(tmp_path / "out" / "images.png") as picture:
        assert picture.width > picture.height


def test_modes_of_stacked_digits_are_counted(tmp_path):
    done = quick("gan/stacked", "--out", "out", folder=tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "out" / "rows.jsonl").read_text().splitlines()]
    assert [row["name"] for row in rows] == ["default/0", "relativistic, R1 and R2/0"]
    assert all(1 <= row["modes"] <= 200 and row["reader"] > 0.99 for row in rows)
    assert done.stdout.rstrip() == (tmp_path / "out" / "table.md").read_text().rstrip()


def test_a_branch_is_timed_beside_plain_code(tmp_path):
    done = quick("gan/branch", "--out", "out", folder=tmp_path)
    assert done.stdout.rstrip() == (tmp_path / "out" / "branch.md").read_text().rstrip()
    assert done.stdout.count("\n| a branch") == 2
