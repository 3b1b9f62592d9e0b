"""A batch in parts gives the update of the whole batch, where the loss is a mean over images."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from tiny import tiny_gan, tiny_vae

RNG = np.random.default_rng(0)


def updates(make, batch, **settings):
    """What a step of plain gradient descent moves, for a batch as a whole and in four parts."""
    found = []
    for parts in (1, 4):
        learner = make(controller=None, accumulate=parts, **settings)
        state = jax.jit(learner.init)(jax.random.key(0), batch)
        after, metrics = jax.jit(learner.step)(state, batch)
        found.append((jax.tree.map(jnp.subtract, after.trainable, state.trainable), metrics))
    return found


def close(whole, parts):
    for left, right in zip(jax.tree.leaves(whole[0]), jax.tree.leaves(parts[0]), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-5)
    for name, value in whole[1].items():
        np.testing.assert_allclose(parts[1][name], value, rtol=1e-3, atol=1e-4, err_msg=name)


def test_a_vae_moves_alike_whole_and_in_parts():
    batch = {"image": RNG.integers(0, 256, (16, 16, 16, 1), dtype=np.uint8)}
    close(*updates(tiny_vae, batch, optimizer=optax.sgd(1e-4)))


def test_a_gan_moves_alike_whole_and_in_parts():
    """The critic compares neighbours in fours, which are together in a part as well."""
    batch = {"image": RNG.integers(0, 256, (16, 16, 16, 1), dtype=np.uint8)}
    sgd = {"optimizer": optax.sgd(1e-2), "critic_optimizer": optax.sgd(1e-2)}
    close(*updates(tiny_gan, batch, augment=None, **sgd))
