"""Scales and shifts: each kernel is frozen and gets one trained gain for each output channel. (Noguchi & Harada 2019)

The authors' BSA multiplies and shifts each channel of a layer's output by trained numbers. A gain of a kernel's output
channel and the bias after it are the same without a layer of its own: `W * (1 + gain)`, with `gain` zero at the start,
and the bias trained. When: a few dozen images; there is too little freedom to learn them by heart, and the shapes that
the source's filters draw are all there is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array

from genjax.transfer.transfer import Spec, Transfer
from genjax.tree import Tree, flatten, label, unflatten


@dataclass(frozen=True)
class ScaleShift:
    """The transfer `scale_shift`, which has no options."""


def scale_shift(patterns: Sequence[str] = ("*kernel",)) -> Transfer:
    """Trains a gain for each output channel of the kernels that match, and the biases and scales beside them in full.

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
            # W * (1 + gain), a gain for each output channel
            gain = flat.pop(f"{name}/gain")
            flat[name] = kernel * jnp.broadcast_to(1 + gain, kernel.shape)
        return unflatten(flat)

    return Transfer(init, params)


SPEC = Spec(
    name="scale_shift",
    options=ScaleShift,
    build=lambda options, network, offer: scale_shift(),
    summary="Keeps each kernel and trains a gain for each of its output channels, and the biases.",
    changes=frozenset({"kernels"}),
)
