"""Held-out combinations: a fixed tenth, each value of which occurs in trained ones."""

import hashlib
import itertools
from collections import Counter

from genjax.data.glyphs.combinations import ALL_COMBINATIONS, held_out_combinations, trained_combinations


def test_a_tenth_is_held_out_and_nothing_is_in_both() -> None:
    held_out, trained = held_out_combinations(), trained_combinations()
    assert (len(ALL_COMBINATIONS), len(held_out), len(trained)) == (540, 54, 486)
    assert set(held_out) | set(trained) == set(ALL_COMBINATIONS)
    assert not set(held_out) & set(trained)


def test_they_are_these_for_ever() -> None:
    """A model on disk was trained on the others: were the choice to change, it would have seen some of them."""
    names = "\n".join("/".join(combination) for combination in held_out_combinations())
    assert hashlib.sha256(names.encode()).hexdigest()[:16] == "93e25d587357b529"
    assert ("7", "red", "bold", "left") in trained_combinations()


def test_every_pair_of_values_is_trained_and_every_value_is_held_out_somewhere() -> None:
    for places in itertools.combinations(range(4), 2):
        pairs = {tuple(combination[place] for place in places) for combination in ALL_COMBINATIONS}
        seen = Counter(tuple(combination[place] for place in places) for combination in trained_combinations())
        assert set(seen) == pairs
        assert min(seen.values()) >= 4
    for place in range(4):
        values = {combination[place] for combination in ALL_COMBINATIONS}
        assert {combination[place] for combination in held_out_combinations()} == values
