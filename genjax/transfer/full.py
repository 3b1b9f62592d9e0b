"""Full fine-tuning: everything is trained, from the source's values. Also what pretraining is."""

from typing import Any

from jax import Array

from genjax.transfer.transfer import Transfer
from genjax.tree import Tree


def full() -> Transfer:
    """Trains the whole parameter tree."""

    def init(source_params: Tree, key: Array) -> tuple[Tree, Any]:
        return source_params, ()

    def params(trainable: Tree, context: Any) -> Tree:
        return trainable

    return Transfer(init, params)
