"""Singular values: each kernel keeps its singular vectors, and only its singular values are trained. (Robb et al. 2020)

FSGAN trains the middle of `W = U diag(s) V^T`. Here it is `W + U diag(delta) V^T`, the same matrices, with `delta` zero
at the start: a product of the three factors would differ from `W` by rounding, and adding an exact zero does not. A
convolution kernel (h, w, c, d) counts as a matrix (h * w * c, d). When: a handful of images; each kernel may weigh what
it does anew, and does nothing that it did not do before.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array

from genjax.transfer.transfer import Spec, Transfer, matrix_shape
from genjax.tree import Tree, flatten, label, unflatten


@dataclass(frozen=True)
class SingularValues:
    """The transfer `singular_values`, which has no options."""


def singular_values(patterns: Sequence[str] = ("*kernel",), *, biases: bool = False) -> Transfer:
    """Trains the singular values of the kernels that match and keeps everything else, as in the paper.

    It trains min(h * w * c, d) numbers for each kernel. When a model is loaded, the singular vectors are computed again
    from the source; their signs cancel, but those of equal singular values, as a kernel of zeros has, are arbitrary.

    Args:
        patterns: shell patterns of the names whose singular values are trained; each must match.
        biases: True trains the biases as well, in full: parameters named `*bias`.
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
            # W + U diag(delta) V^T
            change = (left * jnp.broadcast_to(moved.pop(f"{name}/singular"), left.shape)) @ right
            flat[name] = kept[name] + change.reshape(kept[name].shape)
        return unflatten(flat | moved)

    return Transfer(init, params)


def _vectors(name: str, kernel: Array) -> dict[str, Array]:
    """Computes the left (rows, k) and right (k, columns) singular vectors of a kernel as a matrix."""
    left, _, right = jnp.linalg.svd(kernel.reshape(matrix_shape(kernel)), full_matrices=False)
    return {f"{name}/left": left, f"{name}/right": right}


SPEC = Spec(
    name="singular_values",
    options=SingularValues,
    build=lambda options, network, offer: singular_values(),
    summary="Keeps each kernel's singular vectors and trains its singular values.",
    changes=frozenset({"kernels"}),
)
