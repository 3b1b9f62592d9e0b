"""The new row of a table: it alone is trained, or with what the patterns name."""

import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal

from genjax.errors import InputError
from genjax.transfer import chain, lora
from genjax.transfer.embedding import SPEC, Embedding, check_rows, embedding, with_new_rows
from genjax.transfer.registry import check
from genjax.transfer.transfer import Offer
from genjax.tree import flatten

ROWS = {"style/embedding": 1}


@pytest.fixture
def source(getkey):
    return {
        "style": {"embedding": normal(getkey(), (4, 3))},
        "class": {"embedding": normal(getkey(), (2, 3))},
        "block": {"kernel": normal(getkey(), (8, 8)), "bias": jnp.ones(8)},
    }


def moved(transfer, source, key):
    """Names of the parameters that change where all that is trained does."""
    trainable, context = transfer.init(source, key)
    before, after = flatten(source), flatten(transfer.params({n: leaf + 1 for n, leaf in trainable.items()}, context))
    assert set(before) == set(after)
    return {
        name: np.flatnonzero((before[name] != after[name]).reshape(len(before[name]), -1).any(1)) for name in before
    }


def test_at_first_it_is_the_source(source, getkey):
    transfer = embedding(ROWS, ["*kernel"])
    for name, leaf in flatten(transfer.params(*transfer.init(source, getkey()))).items():
        np.testing.assert_array_equal(leaf, flatten(source)[name])


def test_only_the_new_row_moves(source, getkey):
    found = moved(embedding(ROWS), source, getkey())
    assert {name: list(places) for name, places in found.items() if len(places)} == {"style/embedding": [3]}


def test_what_patterns_name_moves_too_and_lora_takes_it(source, getkey):
    found = moved(embedding(ROWS, ["*kernel"]), source, getkey())
    assert {name for name, places in found.items() if len(places)} == {"style/embedding", "block/kernel"}
    trainable, _ = chain(embedding(ROWS, ["block/kernel"]), lora(rank=2)).init(source, getkey())
    assert set(trainable) == {"style/embedding/new", "block/kernel/down", "block/kernel/up"}


def test_a_pattern_that_matches_nothing_is_refused(source, getkey):
    with pytest.raises(InputError, match="attention"):
        embedding(ROWS, ["attention*"]).init(source, getkey())


def test_what_keeps_the_row_is_refused():
    offers, params = {"flow": Offer(rows=(("style/embedding", 1),))}, {"style": {"embedding": jnp.ones((2, 3))}}
    check_rows(offers, {"flow": params}, "full")
    check_rows(offers, {"flow": {"style/embedding/new": jnp.ones((1, 3))}}, "embedding")
    with pytest.raises(InputError, match="--transfer freeze keeps style/embedding, and the source has no row"):
        check_rows(offers, {"flow": {"head/kernel": jnp.ones(2)}}, "freeze")


def test_information_of_a_row_that_the_source_does_not_have_is_0(source):
    known = {**source, "style": {"embedding": source["style"]["embedding"][:3]}}
    padded = with_new_rows(known, source, (("style/embedding", 1),))
    assert padded is not None
    np.testing.assert_array_equal(padded["style"]["embedding"], jnp.pad(known["style"]["embedding"], ((0, 1), (0, 0))))
    np.testing.assert_array_equal(padded["block"]["kernel"], source["block"]["kernel"])
    assert with_new_rows(None, source, (("style/embedding", 1),)) is None


def test_it_needs_a_style_that_is_new():
    with pytest.raises(InputError, match="--transfer embedding needs a style or a class that the source does not know"):
        check((Embedding(),), {"flow": Offer()})
    check((Embedding(),), {"flow": Offer(rows=tuple(ROWS.items()))})
    assert SPEC.build(Embedding(), "flow", Offer(rows=tuple(ROWS.items()))) is not None
