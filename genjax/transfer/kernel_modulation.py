"""Kernel modulation: channels that matter are only modulated, the others are fine-tuned. (Zhao et al. 2022, AdAM)

What matters is the Fisher information of the kernels. The authors take it after a short trial adaptation; here it is
that of the source, which needs no second training. An output channel of much information keeps the source's kernel
times a change of rank 1, `W * (1 + a b^T)`, with the rows' factor a and the columns' b, which is zero at the start. Any
other becomes `W + offset`. A convolution kernel (h, w, c, d) counts as a matrix (h * w * c, d). When: ten images or so,
of a set that is not close to the source's.
"""

import math
from collections.abc import Sequence

import jax.numpy as jnp
from jax import Array

from genjax.errors import InputError
from genjax.transfer.transfer import Transfer
from genjax.tree import Tree, check_alike, flatten, label, unflatten


def kernel_modulation(
    importance: Tree | None, *, quantile: float = 0.75, patterns: Sequence[str] = ("*kernel",)
) -> Transfer:
    """Modulation of the important channels of the kernels that match, full training for all the rest.

    A kernel of r rows and c columns of which m are important trains r (c - m) + r + m numbers. The tree holds
    r c + r + c, as its shapes cannot depend on values: offsets of important columns and factors of others stay 0, with
    slopes of 0. So a saved tree gives its parameters without the importance.

    Args:
        importance: a tree like the parameters, as `diagonal_fisher` gives it; it may hold more than is trained. None is
            for loading: nothing is held at 0.
        quantile: of the mean importances of all channels of all kernels that match; channels at or above it are
            modulated. In [0, 1]: 0 modulates all.
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
            flat[name] = kernel * (1 + jnp.outer(row, column).reshape(kernel.shape)) + offset
        return unflatten(flat)

    return Transfer(init, params)


def _changes(name: str, kernel: Array) -> dict[str, Array]:
    """What is trained of a kernel. Rows start at 1: at 0, as the columns, neither factor would have a slope."""
    rows, columns = math.prod(kernel.shape[:-1]), kernel.shape[-1]
    return {
        f"{name}/row": jnp.ones(rows, kernel.dtype),
        f"{name}/column": jnp.zeros(columns, kernel.dtype),
        f"{name}/offset": jnp.zeros_like(kernel),
    }


def _important(importance: Tree, kernels: dict[str, Array], quantile: float) -> dict[str, Array]:
    """{name/important: bool (columns,)}, of channels at or above the quantile."""
    known = {name: jnp.asarray(leaf) for name, leaf in flatten(importance).items() if name in kernels}
    check_alike(known, kernels, what="the importance")
    means = {name: leaf.reshape(-1, leaf.shape[-1]).mean(axis=0) for name, leaf in known.items()}
    least = jnp.quantile(jnp.concatenate(list(means.values())), quantile)
    return {f"{name}/important": mean >= least for name, mean in means.items()}
