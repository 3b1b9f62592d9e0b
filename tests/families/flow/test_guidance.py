"""Guidance is linear in its weight, and off outside of its interval."""

import jax.numpy as jnp
import pytest

from genjax.families.flow.guidance import guided


@pytest.mark.parametrize(("weight", "expected"), [(0, 2), (1, 5), (3, 11)])
def test_the_velocity_moves_away_from_the_reference(weight, expected):
    velocity = guided(lambda z, t: 5 * z, lambda z, t: 2 * z, weight, (0.0, 1.0))
    assert float(velocity(jnp.ones(1), jnp.float32(0.5))[0]) == expected


@pytest.mark.parametrize(("time", "expected"), [(0.1, 5), (0.2, 11), (0.6, 11), (0.7, 5)])
def test_there_is_none_outside_of_the_interval(time, expected):
    velocity = guided(lambda z, t: 5 * z, lambda z, t: 2 * z, 3, (0.15, 0.65))
    assert float(velocity(jnp.ones(1), jnp.float32(time))[0]) == pytest.approx(expected)
