"""Latent replay: a fixed set of latents keeps its source images while everything else adapts.

The source's own images stand in for its data, which is gone: `weight` times the mean squared difference between what
the adapted network and the source make of the same latents. (Deep generative replay, Shin et al. 2017, with the
generator as its own scholar) When: the source's images should still be there after the adaptation.
"""

import jax
import jax.numpy as jnp
from jax import Array

from genjax.errors import InputError
from genjax.transfer.full import full
from genjax.transfer.transfer import Forward, Transfer
from genjax.tree import Tree

# Folded into the seed: the latents that keep their images must not be those that a sample of the same seed shows.
STREAM = 1 << 29


def replayed_latents(seed: int, count: int, latent_size: int) -> Array:
    """The latents (count, latent_size) that keep their source images."""
    return jax.random.normal(jax.random.fold_in(jax.random.key(seed), STREAM), (count, latent_size))


def replay(weight: float, latent_size: int, *, count: int = 64, batch: int = 8, seed: int = 0) -> Transfer:
    """Trains the whole parameter tree, at a price for what becomes of the source's images at some latents.

    Args:
        weight: of the mean squared difference of images in [-1, 1], at least 0.
        latent_size: length of a latent vector.
        count: latents that keep their images.
        batch: how many of them are drawn in each step, none twice; at most count.
        seed: of the latents.
    Raises:
        InputError: a negative weight, or a batch below 1 or above count.
    """
    if weight < 0:
        raise InputError(f"a weight of {weight} was given to replay. Use 0 or more.")
    if not 1 <= batch <= count:
        raise InputError(f"batches of {batch} of {count} replayed latents were asked for. Use 1 to {count}.")

    def init(source_params: Tree, key: Array) -> tuple[Tree, Tree]:
        return source_params, source_params

    def penalty(trainable: Tree, source: Tree, key: Array, forward: Forward) -> Array:
        replayed = replayed_latents(seed, count, latent_size)
        latents = jax.random.choice(key, replayed, (batch,), replace=False)
        adapted, kept = forward(trainable, latents)[0], jax.lax.stop_gradient(forward(source, latents)[0])
        return weight * jnp.mean((adapted - kept) ** 2)

    return Transfer(init, full().params, penalty=penalty)
