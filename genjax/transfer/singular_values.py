"""Singular values: each kernel keeps its singular vectors, and only its singular values are trained. (Robb et al. 2020)

FSGAN trains the middle of `W = U diag(s) V^T`. Here it is `W + U diag(delta) V^T`, the same matrices, with `delta` zero
at the start: a product of the three factors would differ from `W` by rounding, and adding an exact zero does not. A
convolution kernel (h, w, c, d) counts as a matrix (h * w * c, d). When: a handful of images; each kernel may weigh what
it does anew, and does nothing that it did not do before.
"""

from collections.abc import Sequence

import jax.numpy as jnp
from jax import Array

from genjax.transfer.transfer import Transfer, matrix_shape
from genjax.tree import Tree, flatten, label, unflatten


def singular_values(patterns: Sequence[str] = ("*kernel",), *, biases: bool = False) -> Transfer:
    """Trained singular values for the kernels that match; everything else is kept, as in the paper.

    It trains min(h * w * c, d) numbers for each kernel. Singular vectors are found anew from the source where a model
    is loaded; their signs cancel, but those of equal singular values, as a kernel of zeros has, are arbitrary.

    Args:
        patterns: shell patterns of the names whose singular values are trained; each must match.
        biases: train the biases as well, in full: what is named `*bias`.
    Raises:
        InputError: (from init) a pattern that matches nothing.
    """
    rules = [*((pattern, "kernel") for pattern in patterns), ("*", "other")]

    def init(source_params: Tree, key: Array) -> tuple[Tree, Tree]:
        flat = flatten(source_params)
        labels = label(list(flat), rules)
        trainable, kept = {}, {}
        for name, leaf in flat.items():
            if labels[name] == "kernel":
                kept |= {name: leaf} | _vectors(name, leaf)
                trainable[f"{name}/singular"] = jnp.zeros(min(matrix_shape(leaf)), leaf.dtype)
            elif biases and name.endswith("bias"):
                trainable[name] = leaf
            else:
                kept[name] = leaf
        return trainable, kept

    def params(trainable: Tree, kept: Tree) -> Tree:
        flat, moved = dict(kept), flatten(trainable)
        for name in [name for name in kept if f"{name}/singular" in moved]:
            left, right = flat.pop(f"{name}/left"), flat.pop(f"{name}/right")
            change = (left * jnp.broadcast_to(moved.pop(f"{name}/singular"), left.shape)) @ right
            flat[name] = kept[name] + change.reshape(kept[name].shape)
        return unflatten(flat | moved)

    return Transfer(init, params)


def _vectors(name: str, kernel: Array) -> dict[str, Array]:
    left, _, right = jnp.linalg.svd(kernel.reshape(matrix_shape(kernel)), full_matrices=False)
    return {f"{name}/left": left, f"{name}/right": right}
