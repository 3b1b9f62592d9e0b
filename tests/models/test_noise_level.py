"""Waves of a time, and the fit that leaves the fast ones out."""

import jax.numpy as jnp
import numpy as np
import pytest

from genjax.models.noise_level import HIGHEST, SLOW, slowed, waves_of

WIDTH = 32
TIMES = jnp.linspace(0, 1, 501)


def test_waves_are_cosines_and_sines_of_a_geometric_series():
    waves = waves_of(jnp.array([0.25]), 6, 100.0)
    angles = 0.25 * np.array([1.0, 10.0, 100.0])
    np.testing.assert_allclose(waves[0], [*np.cos(angles), *np.sin(angles)], atol=1e-5)


@pytest.mark.parametrize(("wave", "kept"), [(0, 1.0), (3, 1.0), (WIDTH // 2 - 1, 0.0), (WIDTH - 2, 0.0)])
def test_slow_waves_are_kept_and_fast_ones_left_out(wave, kept):
    kernel = np.zeros((WIDTH, 2), np.float32)
    kernel[wave, 0] = 1.0
    before = waves_of(TIMES, WIDTH, HIGHEST) @ kernel
    after = waves_of(TIMES, WIDTH, SLOW) @ slowed(jnp.asarray(kernel))
    assert np.abs(before).max() > 0.9
    assert np.sqrt(np.square(after - kept * before).mean()) < 0.05
    assert not after[:, 1].any()
