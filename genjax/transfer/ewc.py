"""Elastic weight consolidation: a pull back to the source that is stronger where the source depends on a parameter.

`weight * sum F (t - t_s)^2` over all parameters t, with t_s the source's and F their Fisher information, how much the
likelihood of the source's images changes with each. (Kirkpatrick et al. 2017; for generators Li et al. 2020, eq. 3)
When: few images of a set that is like the source's; parameters without information are free to move.
"""

import jax
import jax.numpy as jnp
from jax import Array

from genjax.errors import InputError
from genjax.transfer.full import full
from genjax.transfer.transfer import Forward, Transfer
from genjax.tree import Tree, check_alike, flatten


def ewc(weight: float, fisher: Tree | None) -> Transfer:
    """Trains the whole parameter tree, at a price for its distance to the source, parameter by parameter.

    Args:
        weight: of the weighted squared distance, at least 0. Li et al. use 5e8, as the information is tiny.
        fisher: of the source, a tree like the parameters, as `diagonal_fisher` gives it; it may hold more than is
            trained. None, with which a model is loaded to be sampled, stands for zeros: the penalty is then 0.
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
        parts = jax.tree.map(
            lambda leaf, anchor, information: jnp.sum(information * (leaf - anchor) ** 2),
            flatten(trainable),
            context["source"],
            context["fisher"],
        )
        return weight * sum(parts.values(), start=jnp.zeros(()))

    return Transfer(init, full().params, penalty=penalty)
