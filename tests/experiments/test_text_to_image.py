"""The experiment of text to image."""

import json

from experiment import quick
from PIL import Image


def test_text_to_image_is_trained_judged_and_drawn_and_goes_on_where_it_was(tmp_path):
    arguments = ("--out", "out", "--runs", "runs")
    quick("text_to_image", *arguments, folder=tmp_path)
    figures = json.loads((tmp_path / "out" / "text_to_image.json").read_text())
    shares = figures["samples"]["autoregressive, held_out"]["shares"]
    assert set(shares) == {"glyph", "colour", "weight", "tilt", "all"}
    assert all(low <= share <= high for share, low, high in shares.values())
    assert figures["speed"]["milliseconds"]["parallel in 10"] > 0
    assert [row["cell"]["way"] for row in figures["adaptation"]["cells"]] == ["lora", "full, decoder"]
    assert "captions that say what is seen" in (tmp_path / "out" / "text_to_image.md").read_text()
    with Image.open(tmp_path / "out" / "text_to_image.png") as drawn:
        assert drawn.width > 400
    trained = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("model.json")}
    assert len(trained) == 7
    quick("text_to_image", *arguments, folder=tmp_path)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("model.json")} == trained
