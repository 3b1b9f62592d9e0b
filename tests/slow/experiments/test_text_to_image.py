"""The experiment of text to image."""

import importlib
import json
import sys

import pytest
from experiment import quick
from PIL import Image

from experiments.text_to_image.settings import NEW, Experiment
from genjax.errors import InputError


def test_text_to_image_is_trained_judged_and_drawn_and_goes_on_where_it_was(tmp_path):
    arguments = ("--out", "out", "--runs", "runs")
    quick("text_to_image/text_to_image", *arguments, folder=tmp_path)
    figures = json.loads((tmp_path / "out" / "text_to_image.json").read_text())
    shares = figures["samples"]["autoregressive, held_out"]["shares"]
    assert set(shares) == {"glyph", "colour", "weight", "tilt", "all"}
    assert all(low <= share <= high for share, low, high in shares.values())
    assert figures["speed"]["milliseconds"]["parallel in 10"] > 0
    assert {name: row["steps"] for name, row in figures["pace"].items()} == {
        "tokenizer": 8,
        "prior": 6,
        "masked": 6,
        "reranker": 4,
    }
    assert all(
        row["minutes"] == pytest.approx(row["steps"] * row["milliseconds"] / 6e4) for row in figures["pace"].values()
    )
    assert [row["cell"]["way"] for row in figures["adaptation"]["cells"]] == ["lora", "full, decoder"]
    assert "captions that say what is seen" in (tmp_path / "out" / "text_to_image.md").read_text()
    kept = json.loads((tmp_path / "runs" / "vq-0" / "records.json").read_text())["records"]
    asked = {(one["name"], one["data"], one["method"]): one for one in kept}
    one = asked["as_asked[glyph]", "glyphs:captioned:held_out", "autoregressive, guidance 2"]
    assert [one["value"], *one["interval"]] == shares["glyph"]
    assert (one["n_real"], one["n_fake"], one["seed"]) == (0, 24, 7)
    assert len(one["extractor_sha256"]) == 64
    names = {"lift[all]", "KD[embedded-v1]", "token_nats", "unigram_nats"}
    names |= {f"{kind}[{head}]" for kind in ("as_asked", "as_labelled") for head in shares}
    assert {one["name"] for one in kept} == names
    with Image.open(tmp_path / "out" / "text_to_image.png") as drawn:
        assert drawn.width > 400
    trained = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("model.json")}
    assert len(trained) == 7
    again = (*arguments, "--parts", "adaptation")  # besides the model the only part that trains
    quick("text_to_image/text_to_image", *again, folder=tmp_path)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("model.json")} == trained


def test_the_seed_of_the_images_that_judge_is_refused_for_a_training(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", list(sys.path))  # a script prepends the checkout
    monkeypatch.setattr("genjax.devices.backend.prepare", lambda: None)  # this process has its settings
    experiment = importlib.import_module("experiments.text_to_image.text_to_image")
    settings = Experiment(seed=NEW, runs=tmp_path / "runs", out=tmp_path / "out")
    with pytest.raises(InputError, match="that of the images that judge"):
        experiment.main(settings)
    assert not list(tmp_path.iterdir())
