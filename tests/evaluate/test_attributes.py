"""Shares with intervals, against another library and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from genjax.errors import InputError
from genjax.evaluate.attributes import agreement, difference, wilson


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_that_of_scipy(trials):
    successes, n = trials
    expected = binomtest(successes, n).proportion_ci(method="wilson")
    share, low, high = wilson(successes, n)
    assert share == successes / n
    np.testing.assert_allclose((low, high), (expected.low, expected.high), atol=1e-9)
    assert 0 <= low <= share <= high <= 1


def test_all_attributes_must_be_right_at_once():
    read = {"glyph": ["1", "2", "3", "4"], "colour": ["red", "red", "blue", "red"]}
    asked = {"glyph": ["1", "2", "3", "5"], "colour": ["red", "blue", "blue", "red"], "count": [1, 1, 1, 1]}
    shares = {name: share for name, (share, _, _) in agreement(read, asked).items()}
    assert shares == {"glyph": 0.75, "colour": 0.75, "all": 0.5}


def test_the_difference_is_that_of_the_paper():
    """Newcombe 1998, table II, method 10: 56 / 70 less 48 / 80 and 9 / 10 less 3 / 10."""
    np.testing.assert_allclose(difference(wilson(56, 70), wilson(48, 80)), (0.2, 0.0524, 0.3339), atol=5e-5)
    np.testing.assert_allclose(difference(wilson(9, 10), wilson(3, 10)), (0.6, 0.1705, 0.8090), atol=5e-5)


def test_nothing_is_no_share():
    with pytest.raises(InputError, match="0 of 0 is no share"):
        wilson(0, 0)
    with pytest.raises(InputError, match="2 images were read and 1 asked for"):
        agreement({"glyph": ["1", "2"]}, {"glyph": ["1"]})
