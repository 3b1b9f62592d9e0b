"""Consistency regularisation: closed forms."""

import jax
import jax.numpy as jnp
import numpy as np

from genjax.losses.consistency import consistency, sensitivity


def test_consistency_is_the_squared_difference_and_pulls_both_logits():
    first, second = jnp.array([1.0, -2.0, 0.5]), jnp.array([0.0, 1.0, 0.5])
    np.testing.assert_allclose(consistency(first, second), [1, 9, 0])
    slopes = jax.grad(lambda *pair: consistency(*pair).sum(), argnums=(0, 1))(first, second)
    np.testing.assert_allclose(slopes, [[2, -6, 0], [-2, 6, 0]])


def test_sensitivity_is_a_mean_over_the_values_of_each_image():
    images = jnp.zeros((2, 2, 2, 3))
    near = images.at[0, 0, 0, 0].set(6.0).at[1].set(0.5)
    np.testing.assert_allclose(sensitivity(images, near), [36 / 12, 0.25])
