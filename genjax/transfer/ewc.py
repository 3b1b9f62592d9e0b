"""Elastic weight consolidation: a pull back to the source that is stronger where the source depends on a parameter.

`weight * sum F (t - t_s)^2` over all parameters t, with t_s the source's and F their Fisher information, how much the
likelihood of the source's images changes with each. (Kirkpatrick et al. 2017; for generators Li et al. 2020, eq. 3)
When: few images of a set that is like the source's; parameters without information are free to move.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from genjax.errors import InputError
from genjax.limits import at_least
from genjax.transfer.transfer import Forward, Spec, Transfer, full
from genjax.tree import Tree, check_alike, flatten


@dataclass(frozen=True)
class Ewc:
    """The pull of the transfer `ewc` towards the source, by Fisher information."""

    weight: float = 100.0
    """Weight of the squared distance times the information."""
    examples: int = 256
    """The source's own samples from which the information is estimated."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("ewc", self, 0, "weight")
        at_least("ewc", self, 1, "examples")


def ewc(weight: float, fisher: Tree | None) -> Transfer:
    """Trains the whole parameter tree, with a penalty on its distance to the source, parameter by parameter.

    Args:
        weight: weight of the weighted squared distance, at least 0. Li et al. use 5e8, as the information is tiny.
        fisher: Fisher information of the source, a tree like the parameters, as `diagonal_fisher` gives it; it may
            hold more than is trained. None, with which a model is loaded to be sampled, stands for zeros: the penalty
            is then 0.
    Raises:
        InputError: a negative weight; (from init) a Fisher information that lacks a parameter or has another shape.
    """
    if weight < 0:
        raise InputError(f"an EWC weight of {weight} was given. Use 0 or more.")

    def init(source_params: Tree, key: Array) -> tuple[Tree, Tree]:
        source = flatten(source_params)
        if fisher is None:
            return source_params, {"source": source, "fisher": jax.tree.map(jnp.zeros_like, source)}
        known = {name: jnp.asarray(leaf) for name, leaf in flatten(fisher).items() if name in source}
        check_alike(known, source, what="the Fisher information")
        return source_params, {"source": source, "fisher": known}

    def penalty(trainable: Tree, context: Tree, key: Array, forward: Forward) -> Array:
        # weight * sum F (t - t_s)^2 (Li et al. 2020, eq. 3)
        parts = jax.tree.map(
            lambda leaf, anchor, information: jnp.sum(information * (leaf - anchor) ** 2),
            flatten(trainable),
            context["source"],
            context["fisher"],
        )
        return weight * sum(parts.values(), start=jnp.zeros(()))

    return Transfer(init, full().params, penalty=penalty)


SPEC = Spec(
    name="ewc",
    options=Ewc,
    build=lambda options, network, offer: ewc(options.weight, offer.fisher),
    summary="Trains everything, with a pull back to the source where it depends on a parameter.",
    group="ewc",
    needs=frozenset({"fisher"}),
    changes=frozenset({"loss"}),
)
