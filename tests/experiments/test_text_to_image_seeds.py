"""The table over trainings of the experiment of text to image."""

import json

import pytest

from experiments.text_to_image.seeds import over_trainings
from genjax.errors import InputError

SHARES = ("glyph", "colour", "weight", "tilt", "count", "size", "all", "grammatical")


def results(folder, seed, share, **settings):
    """A folder with results whose every share is the same."""
    shares = {name: [share, share - 0.1, share + 0.1] for name in SHARES}
    nats = {name: [100 * share, 0.0, 0.0] for name in ("prior", "unigram", "unigram of each place")}
    found = {
        "settings": {"seed": str(seed), "num": "600", "kind": "vq"} | settings,
        "samples": {"autoregressive, trained": {"shares": shares, "kd": {"value": share / 10}}},
        "classifier": {"trained, test fonts": shares},
        "captions": {"trained, test fonts": shares},
        "likelihood": {"trained, test fonts": nats},
    }
    folder.mkdir()
    (folder / "text_to_image.json").write_text(json.dumps(found))
    return folder


def test_means_and_intervals_are_over_the_trainings(tmp_path):
    """Of 0.7, 0.8 and 0.9: a deviation of 0.1, and 4.303 / sqrt(3) of it to both sides."""
    text = over_trainings([results(tmp_path / str(seed), seed, 0.7 + seed / 10) for seed in range(3)])
    lines = text.splitlines()
    assert "seeds 0, 1, 2, 600 images" in lines[0]
    assert "| autoregressive, trained | " + " | ".join(["80.0 ± 24.8"] * 5) + " |" in lines
    assert "| autoregressive, trained | 0.080 ± 0.025 |" in lines
    assert "| trained, test fonts | 80.0 ± 24.8 | 80.0 ± 24.8 | 80.0 ± 24.8 |" in lines
    assert text.endswith("\n")


def test_trainings_that_are_not_alike_are_refused(tmp_path):
    first = results(tmp_path / "first", 0, 0.8)
    with pytest.raises(InputError, match="seeds 0, 0 are not all different"):
        over_trainings([first, results(tmp_path / "again", 0, 0.8)])
    with pytest.raises(InputError, match="differ in kind: dvae, vq"):
        over_trainings([first, results(tmp_path / "other", 1, 0.8, kind="dvae")])
    with pytest.raises(InputError, match="differ in width: 128, none"):
        over_trainings([first, results(tmp_path / "older", 1, 0.8, width="128")])
    with pytest.raises(InputError, match="two seeds or more"):
        over_trainings([first])
    part = results(tmp_path / "part", 1, 0.8)
    found = json.loads((part / "text_to_image.json").read_text())
    (part / "text_to_image.json").write_text(json.dumps({"settings": found["settings"], "samples": found["samples"]}))
    with pytest.raises(InputError, match="part lacks classifier, captions, likelihood"):
        over_trainings([first, part])
    with pytest.raises(InputError, match=r"text_to_image\.json does not exist"):
        over_trainings([first, tmp_path / "none"])
