"""The experiments on fonts: the source, the reader, and ten letters of a font."""

import json
import subprocess
import sys

import pytest
from experiment import EXPERIMENTS, quick
from PIL import Image

from genjax.data import load
from genjax.data.fonts.drawing import CHARACTERS
from genjax.zoo.cards import cards


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The folder of a small flow of one family of fonts; that of the zoo would be computed with for minutes."""
    return quick("fonts/train_source", folder=tmp_path_factory.mktemp("source")).stdout.strip()


def test_a_source_is_adapted_to_ten_letters_and_compared_with_the_truth(source, tmp_path):
    arguments = ("--source", source, "--out", "out")
    quick("fonts/benchmark", *arguments, folder=tmp_path)
    path = tmp_path / "out" / "rows.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["cell"] for row in rows] == ["caveat/truth/0", "caveat/source/0", "caveat/embedding/0"]
    for row in rows:
        assert (row["values"]["distance"] > 0) == (row["method"] != "truth")
        assert {record["n_fake"] for record in row["records"]} == {52}
    assert "| embedding | 1 |" in (tmp_path / "out" / "table.md").read_text()
    with Image.open(tmp_path / "out" / "caveat-0.png") as picture:
        assert picture.width > picture.height
    quick("fonts/benchmark", *arguments, folder=tmp_path)
    assert len(path.read_text().splitlines()) == len(rows)


def test_an_alphabet_is_drawn_of_a_font_and_gone_on_with(source, tmp_path):
    """The sheet of a font has the truth below; started again, nothing is trained anew."""
    arguments = ("--source", source, "--out", "out")
    assert quick("fonts/alphabet", *arguments, folder=tmp_path).stdout == "out/alphabet.png\n"
    with Image.open(tmp_path / "out" / "alphabet.png") as picture:
        assert picture.width > picture.height
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("out/adapted/checkpoints/*")}
    assert before
    quick("fonts/alphabet", *arguments, folder=tmp_path)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_an_alphabet_is_drawn_of_scanned_letters(source, tmp_path):
    letters = load("fonts:lora", size=64, split="all")
    (tmp_path / "scans").mkdir()
    for char in "AaRg5":
        Image.fromarray(255 - letters.images[CHARACTERS.index(char)][..., 0]).save(tmp_path / "scans" / f"{char}.png")
    quick("fonts/alphabet", "--source", source, "--shots", "scans", folder=tmp_path)
    assert (tmp_path / "runs" / "alphabet" / "alphabet.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "the letters come from one place. Use --font PATH.ttf, or --shots FOLDER"),
        (("--font", "none.ttf"), "the font none.ttf cannot be read"),
        (("--shots", "none"), "letters:none does not exist"),
    ],
)
def test_letters_that_are_not_there_are_refused_in_one_line(arguments, line, tmp_path):
    command = [sys.executable, str(EXPERIMENTS / "fonts" / "alphabet.py"), *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {line}")
    assert len(done.stderr.splitlines()) == 1


def test_the_reader_is_trained_and_written(tmp_path):
    done = quick("fonts/train_reader", folder=tmp_path)
    assert "right" in done.stdout
    assert done.stdout.strip().endswith("letters-v1.safetensors")


def test_memorisation_control_is_compared_with_none(source, tmp_path):
    arguments = ("--source", source, "--out", "out", "--font-methods", "full, held by rate")
    quick("fonts/memorisation", *arguments, folder=tmp_path)
    path = tmp_path / "out" / "rows.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["cell"] for row in rows] == [
        *("digits/full/0", "digits/full, held by rate/0", "digits/l2_sp/0", "digits/l2_sp, held by penalty/0"),
        "indie-flower/full, held by rate/0",
    ]
    assert [bool(row["seen"]) for row in rows] == [False, True, False, True, True]
    assert all({"distance", "copies"} <= set(row["values"]) for row in rows)
    quick("fonts/memorisation", *arguments, folder=tmp_path)
    assert len(path.read_text().splitlines()) == len(rows)


def test_a_model_of_the_zoo_comes_out_the_same(tmp_path):
    done = quick("zoo/publish", folder=tmp_path)
    assert cards()[0].sha256 in done.stderr


def test_scans_are_compared_with_the_font(tmp_path):
    done = quick("fonts/scans", "--out", "out", folder=tmp_path)
    assert done.stdout.rstrip() == (tmp_path / "out" / "scans.md").read_text().rstrip()
    found = json.loads((tmp_path / "out" / "scans.json").read_text())
    assert 0 < found["kalam"] < 13  # a shift of one pixel is a distance of about 20
