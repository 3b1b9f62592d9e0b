"""Names, labels and differences of parameter trees."""

import jax.numpy as jnp
import numpy as np
import pytest

from genjax import tree
from genjax.errors import InputError


@pytest.fixture
def params():
    return {"up_8": {"kernel": jnp.ones((2, 3)), "bias": jnp.zeros(3)}, "stem": {"kernel": jnp.full((1,), 2.0)}}


def test_flatten_and_unflatten_are_inverse(params):
    flat = tree.flatten(params)
    assert list(flat) == ["stem/kernel", "up_8/bias", "up_8/kernel"]
    assert tree.difference(tree.unflatten(flat), params) == []
    assert tree.flatten(flat).keys() == flat.keys()


def test_refill_keeps_the_structure(params):
    filled = tree.refill(params, {name: leaf + 1 for name, leaf in tree.flatten(params).items()})
    np.testing.assert_array_equal(filled["up_8"]["bias"], np.ones(3))


def test_the_first_rule_that_matches_wins():
    labels = tree.label(["up_8/kernel", "up_8/bias", "stem/kernel"], [("up_*", "a"), ("*kernel", "b")])
    assert labels == {"up_8/kernel": "a", "up_8/bias": "a", "stem/kernel": "b"}


def test_a_rule_without_a_parameter_is_an_error_that_names_the_nearest():
    with pytest.raises(InputError, match=r"'up_9/kernel' matches no parameter. Did you mean 'up_8/kernel'"):
        tree.label(["up_8/kernel"], [("up_9/kernel", "a"), ("*", "b")])


def test_a_parameter_without_a_rule_is_an_error():
    with pytest.raises(InputError, match="no rule for the parameters stem/kernel"):
        tree.label(["up_8/kernel", "stem/kernel"], [("up_*", "a")])


def test_every_difference_is_named(params):
    other = {"up_8": {"kernel": jnp.ones((2, 4)), "bias": jnp.zeros(3)}, "stam": {"kernel": jnp.ones(1)}}
    lines = tree.difference(other, params)
    assert lines[0] == "missing stem/kernel"
    assert lines[1].startswith("unexpected stam/kernel. Did you mean 'stem/kernel'?")
    assert lines[2] == "up_8/kernel has shape (2, 4), expected (2, 3)"
    with pytest.raises(InputError, match=r"the source does not fit the model: missing stem/kernel; .*shape \(2, 4\)"):
        tree.check_alike(other, params, what="the source")


def test_the_content_hash_sees_names_shapes_and_values(params):
    hashes = {
        tree.content_hash(params),
        tree.content_hash({"a": params}),
        tree.content_hash({**params, "stem": {"kernel": jnp.full((1,), 3.0)}}),
        tree.content_hash({**params, "stem": {"kernel": jnp.full((1, 1), 2.0)}}),
    }
    assert len(hashes) == 4
    assert tree.content_hash(params) == tree.content_hash(tree.copy(params))


def test_count(params):
    assert tree.count(params) == 2 * 3 + 3 + 1
