"""The demo: five runs, two pictures, a summary."""

import json

import pytest
from compiling import NUMBERS
from experiment import quick
from PIL import Image


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    """(folder, finished process) of the quickstart's quick form."""
    folder = tmp_path_factory.mktemp("quickstart")
    return folder, quick("quickstart", "--out", "out", folder=folder, flags=NUMBERS)


def test_the_quickstart_writes_its_pictures_and_its_summary(quickstart):
    folder, done = quickstart
    assert done.stdout.splitlines()[-2:] == ["out/quickstart.png", "out/alphabet.png"]
    assert "images/s" in done.stderr
    for name in ("quickstart", "alphabet"):
        with Image.open(folder / "out" / f"{name}.png") as picture:
            assert picture.width > 800
    summary = json.loads((folder / "out" / "summary.json").read_text())
    assert set(summary) == {"gan", "vae", "letters"}
    letters = {record["name"]: record for record in summary.pop("letters")}
    assert {"distance", "legibility", "distance of the source", "legibility of the source"} <= set(letters)
    assert letters["distance"]["n_real"] == 52
    for family in summary.values():
        for records in (family["before"], family["after"]):
            kernel = next(record for record in records if record["name"] == "KD[embedded-v1]")
            assert kernel["interval"][0] <= kernel["value"] <= kernel["interval"][1]
            assert (kernel["split"], kernel["n_real"], kernel["n_fake"]) == ("test", 1000, 200)


def test_the_quickstart_goes_on_where_it_was(quickstart):
    """Started again it trains nothing anew, and comes to the same numbers."""
    folder, _ = quickstart
    before = (folder / "out" / "summary.json").read_bytes()
    states = {path: path.stat().st_mtime_ns for path in folder.glob("out/*/*/checkpoints/*")}
    assert len(states) == 5
    quick("quickstart", "--out", "out", folder=folder, flags=NUMBERS)
    assert (folder / "out" / "summary.json").read_bytes() == before
    assert {path: path.stat().st_mtime_ns for path in folder.glob("out/*/*/checkpoints/*")} == states
