"""Membership: against scikit-learn and brute force, of copies, of images that were not used, of ties."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve

from genjax.errors import InputError
from genjax.evaluate.metrics.membership import (
    area_under_curve,
    in_words,
    measure_membership,
    membership_scores,
    true_positive_rate,
)
from genjax.evaluate.metrics.metric import Sets

RNG = np.random.default_rng(0)
TRAIN, TEST, NEW, SOURCE = (RNG.standard_normal((n, 8)) for n in (40, 60, 100, 100))
CASES = {
    "apart": (RNG.normal(1, 1, 30), RNG.normal(0, 1, 50)),
    "alike": (RNG.normal(0, 1, 25), RNG.normal(0, 1, 25)),
    "ties": (RNG.integers(1, 5, 30), RNG.integers(0, 4, 50)),
    "below": (RNG.normal(-2, 1, 30), RNG.normal(0, 1, 50)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_area_and_its_variance_are_those_of_all_pairs(case):
    members, others = CASES[case]
    area, interval = area_under_curve(members, others)
    truth = np.r_[np.ones(len(members)), np.zeros(len(others))]
    assert area == pytest.approx(roc_auc_score(truth, np.r_[members, others]))
    pairs = (np.sign(members[:, None] - others[None].astype(float)) + 1) / 2  # (m, n) of 0, .5 and 1
    variance = pairs.mean(axis=1).var(ddof=1) / len(members) + pairs.mean(axis=0).var(ddof=1) / len(others)
    assert interval.bounds is not None
    low, high = (np.log(end / (1 - end)) for end in interval.bounds)
    assert low + high == pytest.approx(2 * np.log(area / (1 - area)))
    assert (high - low) / 2 == pytest.approx(norm.ppf(0.975) * np.sqrt(variance) / (area * (1 - area)), rel=1e-5)


def test_the_interval_holds_the_true_area_as_often_as_it_says():
    """Of scores N(1, 1) and N(0, 1): the area is Phi(1 / sqrt 2)."""
    rng, true = np.random.default_rng(1), norm.cdf(1 / np.sqrt(2))
    bounds = [area_under_curve(rng.normal(1, 1, 10), rng.normal(0, 1, 60))[1].bounds for _ in range(400)]
    held = np.mean([float(pair is not None and pair[0] < true < pair[1]) for pair in bounds])
    assert 0.92 < held <= 1  # ten members are few, and 400 repetitions know it to 1 %


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("below", [0.02, 0.05, 0.1, 0.5, 1.0])
def test_the_true_positive_rate_is_the_highest_of_the_curve(case, below):
    members, others = CASES[case]
    truth = np.r_[np.ones(len(members)), np.zeros(len(others))]
    false, true, _ = roc_curve(truth, np.r_[members, others], drop_intermediate=False)
    assert true_positive_rate(members, others, below=below) == pytest.approx(true[false < below - 1e-12].max())


def test_copies_are_all_told():
    for source in (None, SOURCE):
        found = measure_membership(Sets(TEST, TRAIN + 1e-3, TRAIN, source), 0, True)
        assert found["membership"].value == found["membership_tpr"].value == 1
        assert found["membership"].interval.bounds is None


@pytest.mark.parametrize("source", [None, SOURCE], ids=["alone", "calibrated"])
def test_of_halves_of_one_set_nothing_is_told(source):
    """Within two standard errors, which is the interval."""
    found = measure_membership(Sets(TEST, NEW, TRAIN, source), 0, True)["membership"]
    assert found.interval.bounds is not None
    assert found.interval.bounds[0] < 0.5 < found.interval.bounds[1]


def test_the_source_takes_out_what_is_easy_to_draw():
    """Members in the middle of the distribution are near any sample; near those of the source just as much."""
    middle, far = 0.3 * TRAIN, 1.5 * TEST
    alone = measure_membership(Sets(far, NEW, middle), 0, True)
    calibrated = measure_membership(Sets(far, NEW, middle, SOURCE), 0, True)
    assert alone["membership"].value > 0.95
    assert abs(calibrated["membership"].value - 0.5) < 0.15
    assert alone["membership"].method != calibrated["membership"].method
    by_hand = np.linalg.norm(far[0] - SOURCE, axis=1).min() - np.linalg.norm(far[0] - NEW, axis=1).min()
    assert membership_scores(far, NEW, SOURCE)[0] == pytest.approx(by_hand)


def test_held_out_images_that_are_training_images_are_left_out_and_said():
    plain, mixed = (
        measure_membership(Sets(test, TRAIN, TRAIN), 0, False) for test in (TEST, np.concatenate([TRAIN[:4], TEST]))
    )
    assert mixed["membership"].value == plain["membership"].value == 1
    assert plain["membership"].caveats == ()
    assert mixed["membership"].caveats == ("4 of 64 held-out images are training images as well and are left out",)
    same = measure_membership(Sets(TRAIN, NEW, TRAIN), 0, True)["membership"]
    assert same.value == 0.5
    assert same.caveats[0].endswith("hide them")
    assert plain["membership"].interval.note == "none: not asked for"


def test_scores_that_are_all_alike_say_nothing():
    assert area_under_curve(np.ones(3), np.ones(4)) == (0.5, (None, "none: all scores are alike"))


def test_the_words_are_of_ten_cases():
    assert "in 7 of 10 cases" in in_words(0.7)
    assert "in 7.25 of 10 cases" in in_words(0.7251)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: area_under_curve([1.0], [0.0, 1.0]), "members features are of 1 image"),
        (lambda: area_under_curve([1.0, 2.0], [np.nan, 1.0]), "not finite"),
        (lambda: true_positive_rate([1.0, 2.0], [1.0, 2.0], below=0), "below=0 is no rate"),
        (lambda: membership_scores(TRAIN, NEW[:, :3]), "8 features each"),
    ],
)
def test_what_cannot_be_measured_is_said(call, message):
    with pytest.raises(InputError, match=message):
        call()
