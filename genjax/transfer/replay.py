"""Latent replay: a fixed set of latents keeps its source images while everything else adapts.

The source's own images stand in for its data, which is gone: `weight` times the mean squared difference between the
images that the adapted network and the source make of the same latents. (Deep generative replay, Shin et al. 2017, with
the generator as its own scholar) When: the source's images should still be there after the adaptation.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from genjax.errors import InputError
from genjax.limits import at_least
from genjax.transfer.transfer import Forward, Spec, Transfer, full
from genjax.tree import Tree

# Folded into the seed: the latents that keep their images must not be those that a sample of the same seed shows.
STREAM = 1 << 29


@dataclass(frozen=True)
class Replay:
    """The source's images that the transfer `replay` keeps."""

    weight: float = 1.0
    """Weight of their mean squared difference, images in [-1, 1]."""
    count: int = 64
    """Latents that keep their images."""
    batch: int = 8
    """Number of them that are compared in a step."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("replay", self, 0, "weight")
        at_least("replay", self, 1, "batch")
        at_least("replay", self, self.batch, "count")


def replayed_latents(seed: int, count: int, latent_size: int) -> Array:
    """Draws the latents (count, latent_size) that keep their source images."""
    return jax.random.normal(jax.random.fold_in(jax.random.key(seed), STREAM), (count, latent_size))


def replay(weight: float, latent_size: int, *, count: int = 64, batch: int = 8, seed: int = 0) -> Transfer:
    """Trains the whole parameter tree, with a penalty on changes of the source's images at some latents.

    Args:
        weight: weight of the mean squared difference of images in [-1, 1], at least 0.
        latent_size: length of a latent vector.
        count: latents that keep their images.
        batch: latents compared in each step, none twice; 1 to count.
        seed: seed of the latents.
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
        # weight * mean (G(z) - G_s(z))^2 over pixels and the batch
        return weight * jnp.mean((adapted - kept) ** 2)

    return Transfer(init, full().params, penalty=penalty)


SPEC = Spec(
    name="replay",
    options=Replay,
    build=lambda options, network, offer: replay(
        options.weight, offer.latent_size, count=options.count, batch=options.batch
    ),
    summary="Trains everything, and keeps the source's images at a fixed set of latents.",
    group="replay",
    needs=frozenset({"latents"}),
    changes=frozenset({"loss"}),
    same_latents=True,
)
