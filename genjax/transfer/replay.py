"""Latent replay: a fixed set of latents keeps its source images while everything else adapts.

The source's own images stand in for its data, which is gone: `weight` times the mean squared difference between the
images that the adapted network and the source make of the same latents. (Deep generative replay, Shin et al. 2017, with
the generator as its own scholar) When: the source's images should still be there after the adaptation.

Of a flow, `forgetting` replays in a way of its own. How a little noise is taken away is much alike for all images, and
is kept; what a noisy image becomes is the target's, and is learned anew: the target is trained at noisy levels, and
images that the source drew at clean ones. (Zhong et al. 2024, "chain of forgetting") `prior` trains on both at all
levels, so that what the source knows of its classes and styles is kept. (Ruiz et al. 2023, prior preservation)
"""

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from genjax.errors import InputError
from genjax.limits import at_least
from genjax.transfer.transfer import Forward, Offer, Spec, Transfer, full
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
    forgetting: float = 0.0
    """Flow: trains the target at noisy levels, and in place of comparing images the source's at clean ones: power of
    their share of noise, 1 is usual; 0 is off."""
    prior: bool = False
    """Flow: in place of comparing images, trains on images that the source drew, of all its classes and styles; at all
    levels of noise, with `forgetting` at clean ones."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("replay", self, 0, "weight", "forgetting")
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


def noisy(uniforms: Array, power: float) -> Array:
    """Maps uniform numbers to quantiles of noise of the density (1 + power) q^power: most are noisy."""
    return uniforms ** (1 / (1 + power))


def clean(uniforms: Array, power: float) -> Array:
    """Maps uniform numbers to quantiles of noise of the density (1 + power) (1 - q)^power: most are clean."""
    return 1 - (1 - uniforms) ** (1 / (1 + power))


def forgetting(weight: float, power: float, offer: Offer, *, batch: int = 8) -> Transfer:
    """Trains the whole parameter tree, on the target where it is noisy and on the source's images where they are clean.

    `L = E_target l(q) + weight E_source l(q')`, q of the density q^power and q' of (1 - q')^power.
    (Zhong et al. 2024, eq. 4 to 6)

    Args:
        weight: weight of the loss of the source's images, at least 0.
        power: power of the share of noise; 0 is all levels alike.
        offer: of the network: its loss, and the rows that the source drew; where these are None, as when a model is
            loaded to be sampled, the penalty is 0.
        batch: rows in each step, none twice.
    Raises:
        InputError: a network that is not trained at levels of noise.
    """
    denoising, drawn = offer.denoising, offer.drawn
    if denoising is None:
        raise InputError("--replay.forgetting is for flow models, which are trained at levels of noise. Leave it out.")

    def init(source_params: Tree, key: Array) -> tuple[Tree, Tree]:
        return source_params, {} if drawn is None else jax.tree.map(jnp.asarray, drawn)

    def penalty(trainable: Tree, rows: Tree, key: Array, forward: Forward) -> Array:
        leaves = jax.tree.leaves(rows)
        if not leaves:
            return jnp.zeros(())
        choice_key, level_key, loss_key = jax.random.split(key, 3)
        chosen = jax.random.choice(choice_key, len(leaves[0]), (batch,), replace=False)
        some = jax.tree.map(lambda rows: rows[chosen], rows)
        quantiles = clean(jax.random.uniform(level_key, (batch,)), power)
        return weight * denoising.loss(trainable, some, quantiles, loss_key).mean()

    return Transfer(init, full().params, penalty=penalty, levels=lambda uniforms: noisy(uniforms, power))


def trained_on(options: Replay) -> bool:
    """Returns True where images of the source are trained on, and not compared."""
    return options.prior or options.forgetting > 0


def check_forgetting(options: Replay, offers: Mapping[str, Offer]) -> None:
    """Raises InputError for images to train on, of a model of which no network is trained at levels of noise."""
    if trained_on(options) and all(offer.denoising is None for offer in offers.values()):
        name = "forgetting" if options.forgetting else "prior"
        raise InputError(f"--replay.{name} is for flow models, which are trained at levels of noise. Leave it out.")


def _build(options: Replay, network: str, offer: Offer) -> Transfer:
    if trained_on(options):
        return forgetting(options.weight, options.forgetting, offer, batch=options.batch)
    return replay(options.weight, offer.latent_size, count=options.count, batch=options.batch)


SPEC = Spec(
    name="replay",
    options=Replay,
    build=_build,
    summary="Trains everything, and keeps the source's images at a fixed set of latents.",
    group="replay",
    needs=frozenset({"latents"}),
    changes=frozenset({"loss"}),
    same_latents=True,
    draws=lambda options: options.count if trained_on(options) else 0,
    check=check_forgetting,
)
