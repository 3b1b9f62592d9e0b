"""How many images a report draws: a sample may cost a second."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.families.family import Trained
from genjax.report.nearest import BETWEEN, PATHS, draw_pictures

LATENT = 3


def _normal(key: jax.Array, n: int) -> jax.Array:
    return jax.vmap(lambda row: jax.random.normal(jax.random.fold_in(key, row), (LATENT,)))(jnp.arange(n))


@pytest.mark.parametrize("num", [4, 40])
def test_as_many_samples_are_drawn_as_asked_for(num):
    seen = []

    def render(latents: jax.Array) -> np.ndarray:
        seen.append(np.asarray(latents))
        return np.zeros((len(latents), 2, 2, 1), np.uint8)

    def draw(*_: object) -> np.ndarray:
        raise AssertionError("drawn twice")

    pictures = draw_pictures(Trained(draw=draw, draw_latents=_normal, render=render), None, None, num)
    assert len(pictures.samples) == num
    assert pictures.interpolations is not None
    assert pictures.interpolations.shape == (PATHS, BETWEEN, 2, 2, 1)
    (latents,) = seen
    assert len(latents) == num + PATHS * BETWEEN
    np.testing.assert_array_equal(latents[:num], _normal(jax.random.key(0), num))
    # A way begins and ends at latents of its own, even where fewer samples are shown.
    ends = latents[num:].reshape(PATHS, BETWEEN, LATENT)[:, [0, -1]].reshape(-1, LATENT)
    np.testing.assert_allclose(ends, _normal(jax.random.key(0), 2 * PATHS), rtol=5e-3, atol=5e-3)
