"""The uncertainty of a noise level: its features, its beginning, and what it learns in closed form."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from genjax.losses.flow import uncertain
from genjax.models.uncertainty import Uncertainty, fourier_features
from genjax.tree import flatten


def test_features_are_waves_of_unit_variance():
    features = np.asarray(fourier_features(jnp.linspace(-20, 20, 2000), 128))
    assert features.shape == (2000, 128)
    assert np.abs(features).max() <= np.sqrt(2) + 1e-6
    assert abs(np.square(features).mean() - 1) < 0.02


def test_it_begins_at_zero_with_one_parameter():
    network: Any = Uncertainty()
    params = network.init(jax.random.key(0), jnp.zeros(1))["params"]
    assert {name: leaf.shape for name, leaf in flatten(params).items()} == {"head/kernel": (128, 1)}
    np.testing.assert_array_equal(network.apply({"params": params}, jnp.linspace(-2, 2, 7)), 0)


def test_it_learns_the_logarithm_of_losses_that_are_given():
    """The minimiser of E[L(s) / exp(u(s)) + u(s)] is u = log L, with losses that differ within a level by chance."""
    network: Any = Uncertainty()
    params = network.init(jax.random.key(0), jnp.zeros(1))["params"]
    optimizer = optax.adam(optax.cosine_decay_schedule(1e-2, 600))

    def expected(levels):
        return jnp.exp(-3 + 4 * levels**2)  # from 0.05 to 2.7

    def loss(params, key):
        level_key, noise_key = jax.random.split(key)
        levels = jax.random.uniform(level_key, (256,))
        losses = expected(levels) * jax.random.exponential(noise_key, (256,))  # of mean 1
        return uncertain(losses, network.apply({"params": params}, levels)).mean()

    @jax.jit
    def train(params):
        def step(carry, key):
            params, state = carry
            updates, state = optimizer.update(jax.grad(loss)(params, key), state)
            return (optax.apply_updates(params, updates), state), None

        keys = jax.random.split(jax.random.key(1), 600)
        return jax.lax.scan(step, (params, optimizer.init(params)), keys)[0][0]

    levels = jnp.linspace(0.02, 0.98, 25)
    np.testing.assert_allclose(network.apply({"params": train(params)}, levels), jnp.log(expected(levels)), atol=0.15)
