"""The diagonal Fisher information of parameters: how much the likelihood of images depends on each of them.

For each parameter it is the mean over examples of the squared slope of the log-likelihood, F = E (d log p / d t)^2. The
square is of one example's gradient; that of a batch's mean gradient is another quantity, and smaller by about the size
of the batch. (Kirkpatrick et al. 2017, section 2.1)
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from genjax.errors import InputError
from genjax.tree import Tree


def diagonal_fisher(
    log_likelihood: Callable[[Tree, Any], Array], params: Tree, examples: Any, *, at_once: int = 8
) -> Tree:
    """Computes the mean over examples of the squared gradient of `log_likelihood(params, example)`.

    Args:
        log_likelihood: (params, example) -> (), where the example is a row of `examples`, without the first axis. All
            randomness must come from a key, which may be a part of the example.
        params: parameters at which the gradients are taken.
        examples: tree of arrays (n, ...), n >= 1.
        at_once: examples whose gradients are held together; it changes the memory needed, not the result.
    Returns:
        A tree like `params`, each number at least 0.
    Raises:
        InputError: no examples, parts of unequal lengths, or at_once below 1.
    """
    lengths = sorted({len(leaf) for leaf in jax.tree.leaves(examples)})
    if len(lengths) != 1 or lengths[0] < 1:
        raise InputError(f"the Fisher information of parts with {lengths} examples was asked for. Give 1 or more each.")
    if at_once < 1:
        raise InputError(f"the gradients of {at_once} examples at once were asked for. Use 1 or more.")
    whole = lengths[0] - lengths[0] % at_once

    def squares(params: Tree, some: Any) -> Tree:
        gradients = jax.vmap(jax.grad(log_likelihood), in_axes=(None, 0))(params, some)
        return jax.tree.map(lambda leaf: jnp.sum(leaf**2, axis=0), gradients)

    @jax.jit
    def mean(params: Tree, examples: Any) -> Tree:
        def add(total: Tree, some: Any) -> tuple[Tree, None]:
            return jax.tree.map(jnp.add, total, squares(params, some)), None

        # A scan that adds up: a map would stack the gradients of all examples.
        chunks = jax.tree.map(lambda leaf: leaf[:whole].reshape(-1, at_once, *leaf.shape[1:]), examples)
        total, _ = jax.lax.scan(add, jax.tree.map(jnp.zeros_like, params), chunks)
        if whole < lengths[0]:
            total, _ = add(total, jax.tree.map(lambda leaf: leaf[whole:], examples))
        return jax.tree.map(lambda leaf: leaf / lengths[0], total)

    return mean(params, examples)
