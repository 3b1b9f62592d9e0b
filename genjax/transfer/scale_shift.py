"""Scales and shifts: each kernel is frozen and gets one trained gain for each output channel. (Noguchi & Harada 2019)

The authors' BSA multiplies and shifts each channel of a layer's output by trained numbers. A gain of a kernel's output
channel and the bias after it are the same without a layer of its own: `W * (1 + gain)`, with `gain` zero at the start,
and the bias trained. When: a few dozen images; there is too little freedom to learn them by heart, and the shapes that
the source's filters draw are all there is.
"""

from collections.abc import Sequence

import jax.numpy as jnp
from jax import Array

from genjax.transfer.transfer import Transfer
from genjax.tree import Tree, flatten, label, unflatten


def scale_shift(patterns: Sequence[str] = ("*kernel",)) -> Transfer:
    """Gains for the kernels that match, full training for the biases and scales beside them.

    It trains as many numbers as the kernels have output channels, and all that is in no kernel. A kernel without a bias
    beside it gets no shift.

    Args:
        patterns: shell patterns of the names that get gains; each must match.
    Raises:
        InputError: (from init) a pattern that matches nothing.
    """
    rules = [*((pattern, "kernel") for pattern in patterns), ("*", "full")]

    def init(source_params: Tree, key: Array) -> tuple[Tree, Tree]:
        flat = flatten(source_params)
        labels = label(list(flat), rules)
        kernels = {name: leaf for name, leaf in flat.items() if labels[name] == "kernel"}
        gains = {f"{name}/gain": jnp.zeros(kernel.shape[-1:], kernel.dtype) for name, kernel in kernels.items()}
        return {name: leaf for name, leaf in flat.items() if name not in kernels} | gains, kernels

    def params(trainable: Tree, kernels: Tree) -> Tree:
        flat = flatten(trainable)
        for name, kernel in kernels.items():
            gain = flat.pop(f"{name}/gain")
            flat[name] = kernel * jnp.broadcast_to(1 + gain, kernel.shape)
        return unflatten(flat)

    return Transfer(init, params)
