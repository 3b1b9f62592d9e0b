"""L2-SP: full fine-tuning with a pull back to the source, rather than to zero as weight decay has it. (Li et al. 2018)

`weight * sum (t - t_s)^2` over all parameters t, with t_s the source's. When: few images and no data of the source; it
is the cheapest of the penalties, and the one that does not know which parameters matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import jax.numpy as jnp
from jax import Array

from genjax.errors import InputError
from genjax.limits import at_least
from genjax.transfer.transfer import Forward, Spec, Transfer, full
from genjax.tree import Tree, flatten


@dataclass(frozen=True)
class L2Sp:
    """The pull of the transfer `l2_sp` towards the source."""

    weight: float = 0.01
    """Weight of the squared distance of the parameters."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("l2-sp", self, 0, "weight")


def l2_sp(weight: float, rows: Mapping[str, int] = MappingProxyType({})) -> Transfer:
    """Trains the whole parameter tree, with a penalty on its squared distance to the source.

    Args:
        weight: weight of the squared distance, at least 0; the paper's alpha / 2.
        rows: {name of a table: number of its last rows that are new}: the source has no value for them.
    Raises:
        InputError: a negative weight.
    """
    if weight < 0:
        raise InputError(f"an L2-SP weight of {weight} was given. Use 0 or more.")

    def init(source_params: Tree, key: Array) -> tuple[Tree, Tree]:
        return source_params, flatten(source_params)

    def penalty(trainable: Tree, source: Tree, key: Array, forward: Forward) -> Array:
        # weight * sum (t - t_s)^2
        squares = [
            jnp.sum((leaf - source[name])[: len(leaf) - rows[name] if name in rows else None] ** 2)
            if leaf.ndim
            else (leaf - source[name]) ** 2
            for name, leaf in flatten(trainable).items()
        ]
        return weight * sum(squares, start=jnp.zeros(()))

    return Transfer(init, full().params, penalty=penalty)


SPEC = Spec(
    name="l2_sp",
    options=L2Sp,
    build=lambda options, network, offer: l2_sp(options.weight, dict(offer.rows)),
    summary="Trains everything, with a pull of every parameter back to the source.",
    group="l2-sp",
    changes=frozenset({"loss"}),
)
