"""Cross-domain correspondence: images that were alike in the source stay alike after adaptation. (Ojha et al. 2021)

For a few latents, the similarities of each layer's features of one to those of the others, as a softmax, are a
distribution over the others. The penalty is the divergence of the adapted network's distributions from the source's.
When: ten images or so; the adapted images keep the source's variety instead of becoming the ten.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from genjax.errors import InputError
from genjax.limits import at_least
from genjax.transfer.transfer import Forward, Spec, Transfer, full
from genjax.tree import Tree

FEWEST = 3  # of two, each has one other only, whose share is always 1


@dataclass(frozen=True)
class Cdc:
    """The correspondence that the transfer `cdc` keeps."""

    weight: float = 1000.0
    """Weight of the divergence; the authors' value."""
    batch: int = 4
    """Latents compared in a step; the authors' value."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("cdc", self, 0, "weight")
        at_least("cdc", self, FEWEST, "batch")


def cdc(latent_size: int, *, weight: float = 1000.0, batch: int = 4) -> Transfer:
    """Trains the whole parameter tree, with a penalty on similarities between images that differ from the source's.

    Args:
        latent_size: length of a latent vector.
        weight: weight of the penalty, at least 0; the authors' is 1000.
        batch: latents drawn for the penalty in each step, 3 or more; the authors' is 4.
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
    """Returns the KL divergence of the adapted from the kept distributions, a mean over rows and layers: ()."""
    layers = list(zip(jax.tree.leaves(adapted), jax.tree.leaves(kept), strict=True))
    if not layers:
        raise InputError("cross-domain correspondence compares features, and this model gives none. Use replay.")
    # E over latents i and layers l of KL(y_i^(s->t),l || y_i^s,l) (eq. 3)
    return jnp.stack([_divergence(*map(_log_similarity, pair)).mean() for pair in layers]).mean()


def _divergence(logs: Array, others: Array) -> Array:
    """Returns the KL divergence between rows of log probabilities (n, k): (n,)."""
    return jnp.sum(jnp.exp(logs) * (logs - others), axis=1)


def _log_similarity(features: Array) -> Array:
    """Returns the log softmax of the cosines between each row of (n, ...) and the others: (n, n - 1). (eq. 1 and 2)"""
    flat = features.reshape(len(features), -1).astype(jnp.float32)
    squares = jnp.sum(flat**2, axis=1, keepdims=True)
    rows = flat * jax.lax.rsqrt(jnp.maximum(squares, 1e-12))  # features of nothing but zeros are like no others
    others = ~np.eye(len(rows), dtype=bool)
    return jax.nn.log_softmax((rows @ rows.T)[others].reshape(len(rows), -1), axis=1)


SPEC = Spec(
    name="cdc",
    options=Cdc,
    build=lambda options, network, offer: cdc(offer.latent_size, weight=options.weight, batch=options.batch),
    summary="Trains everything, and keeps images as alike to one another as they were in the source.",
    group="cdc",
    needs=frozenset({"latents", "features"}),
    changes=frozenset({"loss"}),
    same_latents=True,
)
