"""Freezing by name: some parameters keep the source's values, the rest is fine-tuned. (Mo et al. 2020, FreezeD)

FreezeD freezes the critic's lower layers, which see edges and textures that the sets share, and trains its upper ones
with the whole generator. When: few images, a target that looks like the source.
"""

from collections.abc import Sequence

from jax import Array

from genjax.transfer.transfer import Transfer
from genjax.tree import Tree, flatten, label, unflatten


def freeze(patterns: Sequence[str]) -> Transfer:
    """Freezes each parameter whose name matches one of the patterns, bit for bit.

    Args:
        patterns: shell patterns over names such as `down_8/kernel`; none freezes nothing.
    Raises:
        InputError: (from init) a pattern matches no parameter.
    """
    rules = [*((pattern, "frozen") for pattern in patterns), ("*", "trained")]

    def init(source_params: Tree, key: Array) -> tuple[Tree, Tree]:
        flat = flatten(source_params)
        labels = label(list(flat), rules)
        trained = {name: leaf for name, leaf in flat.items() if labels[name] == "trained"}
        frozen = {name: leaf for name, leaf in flat.items() if labels[name] == "frozen"}
        return trained, frozen

    def params(trainable: Tree, frozen: Tree) -> Tree:
        return unflatten(flatten(trainable) | frozen)

    return Transfer(init, params)
