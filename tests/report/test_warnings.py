"""What is warned of in a report, and what is not."""

import math

import numpy as np

from genjax.report.warnings import (
    Likeness,
    image_warnings,
    likeness,
    likeness_warnings,
    merged,
    source_is_best,
    training_warnings,
)

KD = "evaluate/KD[embedded-v1]"


def test_nothing_is_said_of_what_is_well():
    assert image_warnings(1000, 200, split="train") == []
    assert likeness_warnings(Likeness(near=0.05, equal=0, spread=0.9, n=100)) == []
    lines = [{"step": 10, KD: 0.2, "loss/kl": 5.0}, {"step": 20, KD: 0.1, "loss/kl": 6.0}]
    assert training_warnings(lines, steps=20, step=20) == []
    assert training_warnings([], steps=1, step=1) == []


def test_sets_that_are_too_small():
    assert image_warnings(1, 1, split="train")[0].startswith("Only 1 image is held out.")
    assert image_warnings(1, 1, split="train")[1].startswith("Only 1 image was trained on")
    assert "learned by heart" in image_warnings(10, 200, split="train")[0]
    assert "(--split all)" in image_warnings(1000, 0, split="all")[0]
    assert "Only 7 images are held out" in image_warnings(1000, 7, split="train")[0]


def test_copies_and_collapse():
    said = likeness_warnings(Likeness(near=0.4, equal=3, spread=0.2, n=100))
    assert [line.split(":")[0] for line in said] == ["Copies", "Copies are likely", "Collapse"]
    assert "3 of 100 samples" in said[0]
    assert "40%" in said[1]


def test_likeness_of_copies_and_of_new_images():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (100, 4, 4, 1), dtype=np.uint8)
    usual = rng.uniform(1, 2, 400)
    copied = likeness(images, images, distances=np.zeros(100), usual=usual, spread=1.0)
    assert (copied.near, copied.equal) == (1.0, 100)
    new = likeness(images, images[::-1], distances=rng.uniform(1, 2, 100), usual=usual, spread=1.0)
    assert new.near is not None
    assert new.near < 0.1
    assert new.equal == 0
    assert likeness(images, images, distances=np.zeros(100), usual=usual[:5], spread=1.0).near is None


def test_held_out_images_that_are_training_images_hide_no_copies():
    images = np.zeros((10, 4, 4, 1), np.uint8)
    usual = np.concatenate([np.zeros(40), np.random.default_rng(0).uniform(1, 2, 50)])
    found = likeness(images, images, distances=np.full(10, 0.5), usual=usual, spread=1.0)
    assert found.near == 1.0
    few = likeness(images, images, distances=np.full(10, 0.5), usual=usual[:-1], spread=1.0)
    assert few.near is None, "49 of the held-out images are new"


def test_what_the_log_tells():
    lines = [
        {"step": 10, KD: 0.1, f"{KD}/low": 0.01, "evaluate/coverage[embedded-v1]": 0.8, "loss/kl": 9.0},
        {"step": 20, KD: 0.4, f"{KD}/low": 0.3, "evaluate/coverage[embedded-v1]": 0.1, "loss/kl": math.nan},
        {"step": 30, "loss/kl": 0.001},
    ]
    said = training_warnings(lines, steps=100, step=30)
    assert [line.split(":")[0] for line in said] == [
        "Diverged",
        "Collapse",
        "The model was better before",
        "Collapse",
        "Not finished",
    ]
    assert "first at step 20" in said[0]
    assert "from step 20 on evaluate/coverage[embedded-v1]" in said[1]
    assert "0.1 at step 10 and is 0.4" in said[2]
    assert "step 30 of 100" in said[4]


def test_an_adaptation_that_did_harm_is_told_from_one_that_got_worse_again():
    coverage = "evaluate/coverage[embedded-v1]"
    lines = [{"step": 0, KD: 0.1, coverage: 0.9}, {"step": 10, KD: 0.3, coverage: 0.2}, {"step": 20, KD: 0.4}]
    (said,) = training_warnings(lines, steps=20, step=20, best=0)
    assert said == (
        "No step of the adaptation came nearer to the held-out images than the source (KD[embedded-v1] 0.1, its own"
        " best 0.3): model/best is the source."
    )
    # The best model is one that a rollback has taken out of the log: it is not the source.
    assert training_warnings(lines, steps=20, step=20, best=15) == []
    assert source_is_best(lines[1:], 0) == ""
    assert source_is_best([lines[0], {"step": 10, KD: math.nan}], 0).count("its own best") == 0


def test_warnings_that_differ_in_the_name_only_become_one():
    given = ("a from 3 real is coarse.", "FD from 3 real is too high.", "b from 3 real is coarse.")
    assert merged(given) == ["a, b from 3 real is coarse.", "FD from 3 real is too high."]
