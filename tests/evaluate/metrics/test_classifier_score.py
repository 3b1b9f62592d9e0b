"""The classifier score: closed forms, and the plain formula with probabilities."""

import numpy as np
import pytest

from genjax.errors import InputError
from genjax.evaluate.metrics.classifier_score import classifier_score

LOGITS = np.random.default_rng(0).standard_normal((60, 4)) * 2


def plain(logits):
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return np.exp((p * np.log(p / p.mean(axis=0))).sum(axis=1).mean())


@pytest.mark.parametrize("classes", [2, 7])
def test_sure_and_even_is_the_number_of_classes(classes):
    logits = 1000.0 * np.eye(classes)[np.arange(10 * classes) % classes]
    assert classifier_score(logits, splits=10) == pytest.approx((classes, 0))


def test_one_answer_for_all_images_is_one():
    assert classifier_score(np.repeat(LOGITS[:1], 30, axis=0)) == pytest.approx((1, 0))
    assert classifier_score(1000.0 * np.eye(4)[np.zeros(30, int)]) == pytest.approx((1, 0))


def test_it_is_the_mean_and_deviation_over_parts_in_order():
    scores = [plain(LOGITS[start : start + 20]) for start in (0, 20, 40)]
    assert classifier_score(LOGITS, splits=3) == pytest.approx((np.mean(scores), np.std(scores)))
    assert classifier_score(LOGITS, splits=1) == pytest.approx((plain(LOGITS), 0))


def test_a_constant_added_to_an_image_changes_nothing():
    shifted = LOGITS + np.arange(60)[:, None] * 100
    assert classifier_score(shifted) == pytest.approx(classifier_score(LOGITS))


def test_less_sure_and_less_even_are_lower():
    scores = [classifier_score(LOGITS * factor, splits=1)[0] for factor in (4, 1, 0.5, 0)]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] == pytest.approx(1)


@pytest.mark.parametrize(
    ("logits", "splits", "message"),
    [
        (LOGITS[0], 1, r"logits are float64 of shape \(4,\), expected"),
        (LOGITS[:, :1], 1, r"expected numbers of shape \(images, 2 or more classes\)"),
        (LOGITS.astype(str), 1, "expected numbers"),
        (LOGITS[:5], 10, "10 parts of 5 images"),
        (LOGITS, 0, "0 parts of 60 images"),
        (np.where(np.arange(240).reshape(60, 4) == 9, np.nan, LOGITS), 10, "logits of 1 of 60 images are not finite"),
    ],
)
def test_other_input_is_refused(logits, splits, message):
    with pytest.raises(InputError, match=message):
        classifier_score(logits, splits=splits)
