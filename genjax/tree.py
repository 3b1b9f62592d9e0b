"""Names, labels and differences of parameter trees.

The name of a parameter is its path, such as `decoder/up_8/kernel`; freezing, LoRA and saved files use it. A flat tree
is a dict from names to arrays. It is a pytree too, and flattening it gives the names of the original tree.
"""

import fnmatch
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax import Array

from genjax.errors import InputError, did_you_mean

Tree = Any  # nested dicts of arrays; JAX itself has no narrower type


def flatten(tree: Tree) -> dict[str, Array]:
    """Flattens a tree to {name: leaf}, sorted by name. A flat tree comes back unchanged."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return dict(sorted((_name(path), leaf) for path, leaf in leaves))


def unflatten(flat: Mapping[str, Array]) -> Tree:
    """Rebuilds nested dicts from a flat tree, splitting names at each slash."""
    tree: dict[str, Any] = {}
    for name, leaf in flat.items():
        *branches, last = name.split("/")
        branch = tree
        for part in branches:
            branch = branch.setdefault(part, {})
        branch[last] = leaf
    return tree


def refill(like: Tree, flat: Mapping[str, Array]) -> Tree:
    """Replaces each leaf of the tree `like` by the leaf of `flat` with its name."""
    return jax.tree_util.tree_map_with_path(lambda path, _: flat[_name(path)], like)


def label(names: Sequence[str], rules: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Labels each parameter by the first rule (pattern, label) whose pattern matches its name.

    Args:
        names: names of parameters.
        rules: shell patterns and their labels; `*` crosses slashes, so that `up_*` matches every parameter below a
            submodule up_8.
    Returns:
        {name: label}, for all names.
    Raises:
        InputError: a parameter without a rule, or a rule without a parameter.
    """
    labels: dict[str, str] = {}
    for pattern, choice in rules:
        matching = fnmatch.filter(names, pattern)
        if not matching:
            raise InputError(f"pattern {pattern!r} matches no parameter. {did_you_mean(pattern, list(names))}")
        for name in matching:
            labels.setdefault(name, choice)
    missing = [name for name in names if name not in labels]
    if missing:
        raise InputError(f"no rule for the parameters {', '.join(missing)}. Add a last rule ('*', label).")
    return labels


def difference(given: Tree, expected: Tree) -> list[str]:
    """Lists the differences in names and shapes between two trees, one line for each parameter.

    Args:
        given: tree to check.
        expected: tree that it should look like.
    Returns:
        Lines on missing names, on unexpected ones (with the nearest that exists) and on unequal shapes; [] if the
        trees agree.
    """
    left, right = flatten(given), flatten(expected)
    lines = [f"missing {name}" for name in right if name not in left]
    lines += [f"unexpected {name}. {did_you_mean(name, list(right))}" for name in left if name not in right]
    lines += [
        f"{name} has shape {np.shape(left[name])}, expected {np.shape(right[name])}"
        for name in left
        if name in right and np.shape(left[name]) != np.shape(right[name])
    ]
    return lines


def check_alike(given: Tree, expected: Tree, *, what: str) -> None:
    """Raises InputError with every difference between two trees, if there is any; `what` names the given one."""
    lines = difference(given, expected)
    if lines:
        raise InputError(f"{what} does not fit the model: {'; '.join(lines)}")


def count(tree: Tree) -> int:
    """Counts the numbers in a tree of arrays."""
    return sum(int(np.prod(np.shape(leaf))) for leaf in jax.tree.leaves(tree))


def content_hash(tree: Tree) -> str:
    """Computes the sha256, in hex, over the names, shapes, types and bytes of all leaves."""
    digest = hashlib.sha256()
    for name, leaf in flatten(tree).items():
        array = np.asarray(leaf)
        digest.update(f"{name} {array.shape} {array.dtype}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def copy(tree: Tree) -> Tree:
    """Copies all leaves to new buffers, since donating one buffer twice is an error."""
    return jax.tree.map(lambda leaf: leaf.copy(), tree)


def _name(path: tuple[Any, ...]) -> str:
    """Converts a path of `jax.tree_util` to a name: dict keys, fields and indices, joined by slashes."""
    steps = (getattr(step, "key", getattr(step, "name", getattr(step, "idx", None))) for step in path)
    return "/".join(map(str, steps))
