"""Cross-domain correspondence: images that were alike in the source stay alike after adaptation. (Ojha et al. 2021)

For a few latents, how alike each layer's features of one are to those of the others is a distribution over the others.
The penalty is how far the adapted network's distributions are from the source's. When: ten images or so; the adapted
images keep the source's variety instead of becoming the ten.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from genjax.errors import InputError
from genjax.transfer.full import full
from genjax.transfer.transfer import Forward, Transfer
from genjax.tree import Tree

FEWEST = 3  # of two, each has one other only, whose share is always 1


def cdc(latent_size: int, *, weight: float = 1000.0, batch: int = 4) -> Transfer:
    """Trains the whole parameter tree, at a price for other likenesses between images than the source has.

    Args:
        latent_size: length of a latent vector.
        weight: of the penalty, at least 0; the authors' is 1000.
        batch: latents drawn for it in each step, 3 or more; the authors' is 4.
    Raises:
        InputError: a negative weight or a batch below 3; (from penalty, while it is traced) a network without features.
    """
    if weight < 0:
        raise InputError(f"a weight of {weight} was given to cross-domain correspondence. Use 0 or more.")
    if batch < FEWEST:
        raise InputError(f"cross-domain correspondence within a batch of {batch} was asked for. Use {FEWEST} or more.")

    def init(source_params: Tree, key: Array) -> tuple[Tree, Tree]:
        return source_params, source_params

    def penalty(trainable: Tree, source: Tree, key: Array, forward: Forward) -> Array:
        latents = jax.random.normal(key, (batch, latent_size))
        adapted, kept = forward(trainable, latents)[1], jax.lax.stop_gradient(forward(source, latents)[1])
        return weight * _mean_divergence(adapted, kept)

    return Transfer(init, full().params, penalty=penalty)


def _mean_divergence(adapted: Any, kept: Any) -> Array:
    """KL of the adapted from the kept distributions, a mean over rows and layers: (). (eq. 1 to 3)"""
    layers = list(zip(jax.tree.leaves(adapted), jax.tree.leaves(kept), strict=True))
    if not layers:
        raise InputError("cross-domain correspondence compares features, and this model gives none. Use replay.")
    return jnp.stack([_divergence(*map(_log_likeness, pair)).mean() for pair in layers]).mean()


def _divergence(logs: Array, others: Array) -> Array:
    return jnp.sum(jnp.exp(logs) * (logs - others), axis=1)


def _log_likeness(features: Array) -> Array:
    """Log softmax of the cosines between each row of (n, ...) and the others: (n, n - 1)."""
    flat = features.reshape(len(features), -1).astype(jnp.float32)
    squares = jnp.sum(flat**2, axis=1, keepdims=True)
    rows = flat * jax.lax.rsqrt(jnp.maximum(squares, 1e-12))  # features of nothing but zeros are like no others
    others = ~np.eye(len(rows), dtype=bool)
    return jax.nn.log_softmax((rows @ rows.T)[others].reshape(len(rows), -1), axis=1)
