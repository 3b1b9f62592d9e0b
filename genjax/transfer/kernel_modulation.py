"""Kernel modulation: channels that matter are only modulated, the others are fine-tuned. (Zhao et al. 2022, AdAM)

The importance is the Fisher information of the kernels. The authors take it after a short trial adaptation; here it is
that of the source, which needs no second training. An output channel of much information keeps the source's kernel
times a change of rank 1, `W * (1 + a b^T)`, with the rows' factor a and the columns' b, which is zero at the start. Any
other becomes `W + offset`. A convolution kernel (h, w, c, d) counts as a matrix (h * w * c, d). When: ten images or so,
of a set that is not close to the source's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array

from genjax.errors import InputError
from genjax.limits import at_least, at_most
from genjax.transfer.transfer import Spec, Transfer
from genjax.tree import Tree, check_alike, flatten, label, unflatten


@dataclass(frozen=True)
class KernelModulation:
    """The kernels that the transfer `kernel_modulation` keeps and modulates."""

    quantile: float = 0.75
    """Quantile of the channels' Fisher information, at or above which a channel is modulated only."""
    examples: int = 256
    """The source's own samples from which the information is estimated."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("modulation", self, 0, "quantile")
        at_most("modulation", self, 0.9999999, "quantile")
        at_least("modulation", self, 1, "examples")


def kernel_modulation(
    importance: Tree | None, *, quantile: float = 0.75, patterns: Sequence[str] = ("*kernel",)
) -> Transfer:
    """Modulates the important channels of the kernels that match, and trains all the rest in full.

    A kernel of r rows and c columns of which m are important trains r (c - m) + r + m numbers. The tree holds
    r c + r + c, as its shapes cannot depend on values: offsets of important columns and factors of others stay 0, with
    slopes of 0. So a saved tree gives its parameters without the importance.

    Args:
        importance: Fisher information, a tree like the parameters, as `diagonal_fisher` gives it; it may hold more
            than is trained. None is for loading: nothing is held at 0.
        quantile: quantile, in [0, 1], of the mean importances of all channels of all kernels that match; channels at
            or above it are modulated. 0 modulates all.
        patterns: shell patterns of the names that are modulated; each must match.
    Raises:
        InputError: a quantile out of range; (from init) a pattern that matches nothing, or an importance that lacks a
            kernel or has another shape.
    """
    if not 0 <= quantile <= 1:
        raise InputError(f"the quantile {quantile} of importances was asked for. Use one in [0, 1].")
    rules = [*((pattern, "kernel") for pattern in patterns), ("*", "full")]

    def init(source_params: Tree, key: Array) -> tuple[Tree, Tree]:
        flat = flatten(source_params)
        labels = label(list(flat), rules)
        kernels = {name: leaf for name, leaf in flat.items() if labels[name] == "kernel"}
        trainable = {name: leaf for name, leaf in flat.items() if name not in kernels}
        for name, kernel in kernels.items():
            trainable |= _changes(name, kernel)
        important = {} if importance is None else _important(importance, kernels, quantile)
        return trainable, kernels | important

    def params(trainable: Tree, kept: Tree) -> Tree:
        flat = flatten(trainable)
        for name in [name for name in kept if f"{name}/offset" in flat]:
            row, column, offset = (flat.pop(f"{name}/{part}") for part in ("row", "column", "offset"))
            if f"{name}/important" in kept:
                important = kept[f"{name}/important"]
                column = jnp.where(important, column, 0)
                offset = jnp.where(jnp.broadcast_to(important, offset.shape), 0, offset)
            kernel = kept[name]
            # W * (1 + a b^T) + offset: b is 0 for the other channels, the offset for the important ones
            flat[name] = kernel * (1 + jnp.outer(row, column).reshape(kernel.shape)) + offset
        return unflatten(flat)

    return Transfer(init, params)


def _changes(name: str, kernel: Array) -> dict[str, Array]:
    """Begins the factors and the offset of a kernel. Rows start at 1: if both were 0, neither would have a slope."""
    rows, columns = math.prod(kernel.shape[:-1]), kernel.shape[-1]
    return {
        f"{name}/row": jnp.ones(rows, kernel.dtype),
        f"{name}/column": jnp.zeros(columns, kernel.dtype),
        f"{name}/offset": jnp.zeros_like(kernel),
    }


def _important(importance: Tree, kernels: dict[str, Array], quantile: float) -> dict[str, Array]:
    """Finds the channels at or above the quantile: {name/important: bool (columns,)}."""
    known = {name: jnp.asarray(leaf) for name, leaf in flatten(importance).items() if name in kernels}
    check_alike(known, kernels, what="the importance")
    means = {name: leaf.reshape(-1, leaf.shape[-1]).mean(axis=0) for name, leaf in known.items()}
    least = jnp.quantile(jnp.concatenate(list(means.values())), quantile)
    return {f"{name}/important": mean >= least for name, mean in means.items()}


SPEC = Spec(
    name="kernel_modulation",
    options=KernelModulation,
    build=lambda options, network, offer: kernel_modulation(offer.fisher, quantile=options.quantile),
    summary="Only modulates the channels of kernels on which the source depends, and trains the others.",
    group="modulation",
    needs=frozenset({"fisher"}),
    changes=frozenset({"kernels"}),
)
