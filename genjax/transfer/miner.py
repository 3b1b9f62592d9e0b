"""Mining: a small network moves the latents to where the source already draws what is wanted. (Wang et al. 2020)

MineGAN puts a miner of two layers before the generator. Here it is residual, `z + M(z)` with the last layer zero at the
start, so that the source is reproduced exactly. When: the source can already draw what resembles the target; train the
miner alone at first, then the generator with it.
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from genjax.errors import InputError
from genjax.limits import at_least
from genjax.transfer.transfer import Spec, Transfer
from genjax.tree import Tree, flatten, unflatten

PREFIX = "miner/"


@dataclass(frozen=True)
class Miner:
    """The network that the transfer `miner` puts before the generator."""

    width: int = 128
    """Width of its hidden layer."""
    alone: bool = False
    """Train the miner only and keep the generator, the paper's first stage."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("miner", self, 1, "width")


def miner(latent_size: int, *, width: int = 128, train_generator: bool = True) -> Transfer:
    """Trains a miner, which moves the latents, before the network and with it.

    The miner has width * (2 * latent_size + 1) + latent_size numbers. They are called weights, not kernels, so that
    they match no other transfer's pattern in a chain.

    Args:
        latent_size: length of a latent vector.
        width: width of the hidden layer.
        train_generator: False keeps the network as it is, the paper's first stage.
    Raises:
        InputError: a size or a width below 1; (from init) a tree that has a miner already.
    """
    if min(latent_size, width) < 1:
        raise InputError(f"a miner for {latent_size} latents of width {width} was asked for. Use 1 or more for both.")

    def init(source_params: Tree, key: Array) -> tuple[Tree, Tree]:
        flat = flatten(source_params)
        if any(name.startswith(PREFIX) for name in flat):
            raise InputError("a miner was put before a miner. Use one only.")
        fresh = {
            "miner/hidden/weights": jax.random.normal(key, (latent_size, width)) * math.sqrt(2 / latent_size),
            "miner/hidden/shift": jnp.zeros(width),
            "miner/out/weights": jnp.zeros((width, latent_size)),
            "miner/out/shift": jnp.zeros(latent_size),
        }
        return (flat | fresh, {}) if train_generator else (fresh, flat)

    def params(trainable: Tree, kept: Tree) -> Tree:
        return unflatten(kept | {name: leaf for name, leaf in flatten(trainable).items() if _is_of_network(name)})

    def latents(trainable: Tree, kept: Tree, latents: Array) -> Array:
        # z + M(z)
        flat = flatten(trainable)
        hidden = jax.nn.relu(_affine(flat, "miner/hidden", latents))
        return latents + _affine(flat, "miner/out", hidden)

    return Transfer(init, params, latents)


def _is_of_network(name: str) -> bool:
    """Returns False for the miner's own parameters."""
    return not name.startswith(PREFIX)


def _affine(flat: dict[str, Array], layer: str, inputs: Array) -> Array:
    """Applies a layer of the miner to (n, inputs)."""
    product = inputs @ flat[f"{layer}/weights"]
    return product + jnp.broadcast_to(flat[f"{layer}/shift"], product.shape)


SPEC = Spec(
    name="miner",
    options=Miner,
    build=lambda options, network, offer: miner(
        offer.latent_size, width=options.width, train_generator=not options.alone
    ),
    summary="Trains a small network that moves the latents to where the source draws what is wanted.",
    group="miner",
    needs=frozenset({"latents"}),
    changes=frozenset({"latents"}),
    keeps_network=lambda options: "--miner.alone" if options.alone else "",
)
