"""Likelihoods under counts, by hand and against the entropy."""

import numpy as np
import pytest

from genjax.errors import InputError
from genjax.evaluate.metrics.of_models.unigram import placed_unigram_nats, unigram_nats


def test_counts_by_hand():
    train = np.asarray([[0, 0], [0, 1]])
    # With one more of each: 4 zeros, 2 ones and 1 two among 7.
    found = unigram_nats(train, np.asarray([[0, 1], [2, 2]]), 3)
    np.testing.assert_allclose(found, [-np.log(4 / 7 * 2 / 7), -2 * np.log(1 / 7)])
    # At the first place two zeros among 2, at the second one zero and one one; a third more of each.
    found = placed_unigram_nats(train, np.asarray([[0, 1], [2, 0]]), 3)
    first, second = np.asarray([7, 1, 1]) / 9, np.asarray([4, 4, 1]) / 9
    np.testing.assert_allclose(found, [-np.log(first[0] * second[1]), -np.log(first[2] * second[0])])


def test_of_many_tokens_it_is_the_entropy():
    rng, p = np.random.default_rng(0), np.asarray([0.1, 0.2, 0.7])
    train, tokens = (rng.choice(3, (5000, 8), p=p) for _ in range(2))
    entropy = -(p * np.log(p)).sum()
    for nats in (unigram_nats(train, tokens, 3), placed_unigram_nats(train, tokens, 3)):
        np.testing.assert_allclose(nats.mean(), 8 * entropy, rtol=0.02)


def test_places_know_more_where_places_differ():
    train = np.tile(np.arange(4), (100, 1))
    assert placed_unigram_nats(train, train, 4).max() < 0.05
    np.testing.assert_allclose(unigram_nats(train, train, 4), 4 * np.log(4))


@pytest.mark.parametrize("baseline", [unigram_nats, placed_unigram_nats])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens": np.full((2, 3), 4)}, "judged tokens go from 4 to 4, expected 0 to 3"),
        ({"train": np.full((2, 3), -1)}, "training tokens go from -1 to -1"),
        ({"train": np.zeros((0, 3), int)}, "Use equal lengths"),
        ({"train": np.zeros((2, 4), int)}, "Use equal lengths"),
        ({"pseudo_count": 0.0}, "a pseudo-count of 0.0"),
    ],
)
def test_what_cannot_be_counted_is_an_error(baseline, changes, message):
    arguments = {"train": np.zeros((2, 3), int), "tokens": np.zeros((2, 3), int), "pseudo_count": 1.0} | changes
    with pytest.raises(InputError, match=message):
        baseline(arguments["train"], arguments["tokens"], 4, pseudo_count=arguments["pseudo_count"])
