"""The shape of a transfer: how a pretrained parameter tree becomes what is trained, and back."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax import Array

from genjax.tree import Tree

Forward = Callable[[Tree, Array], tuple[Array, Any]]  # (params, latents) -> (images, features)


def same_latents(trainable: Tree, context: Any, latents: Array) -> Array:
    """Leaves the latents as they are: what every method does that does not move them."""
    return latents


def no_penalty(trainable: Tree, context: Any, key: Array, forward: Forward) -> Array:
    """Zero: what every method adds to the loss that has no penalty."""
    return jax.numpy.zeros(())


class Transfer(NamedTuple):
    """An adaptation between tasks, over one network's parameter tree.

    Attributes:
        init: (source_params, key) -> (trainable, context). Context is what is kept as it is: frozen leaves, copies.
        params: (trainable, context) -> params, what the module is applied with; at first exactly the source's.
        latents: (trainable, context, latents) -> latents. The identity unless the method moves latents.
        penalty: (trainable, context, key, forward) -> scalar, added to the loss. Zero unless the method has one.
    """

    init: Callable[[Tree, Array], tuple[Tree, Any]]
    params: Callable[[Tree, Any], Tree]
    latents: Callable[[Tree, Any, Array], Array] = same_latents
    penalty: Callable[[Tree, Any, Array, Forward], Array] = no_penalty


def chain(*transfers: Transfer) -> Transfer:
    """Several transfers as one: each takes what the one before leaves trainable.

    `chain(freeze(["stem/*"]), lora(rank=4))` freezes the stem and gives low-rank updates to the rest.
    """

    def init(source_params: Tree, key: Array) -> tuple[Tree, tuple[Any, ...]]:
        trainable, contexts = source_params, []
        for index, transfer in enumerate(transfers):
            trainable, context = transfer.init(trainable, jax.random.fold_in(key, index))
            contexts.append(context)
        return trainable, tuple(contexts)

    def levels(trainable: Tree, contexts: tuple[Any, ...]) -> list[tuple[Transfer, Tree, Any]]:
        """Each transfer with its own trainable tree, the last one first."""
        found = []
        for transfer, context in zip(reversed(transfers), reversed(contexts), strict=True):
            found.append((transfer, trainable, context))
            trainable = transfer.params(trainable, context)
        return found

    def params(trainable: Tree, contexts: tuple[Any, ...]) -> Tree:
        for transfer, context in zip(reversed(transfers), reversed(contexts), strict=True):
            trainable = transfer.params(trainable, context)
        return trainable

    def latents(trainable: Tree, contexts: tuple[Any, ...], latents: Array) -> Array:
        for transfer, tree, context in levels(trainable, contexts):
            latents = transfer.latents(tree, context, latents)
        return latents

    def penalty(trainable: Tree, contexts: tuple[Any, ...], key: Array, forward: Forward) -> Array:
        def from_level(level: int) -> Forward:
            """The network as seen by a transfer: what it trains is first passed through those before it."""

            def lifted(params: Tree, latents: Array) -> tuple[Array, Any]:
                for transfer, context in zip(reversed(transfers[:level]), reversed(contexts[:level]), strict=True):
                    params = transfer.params(params, context)
                return forward(params, latents)

            return lifted

        last = len(transfers) - 1
        parts = [
            transfer.penalty(tree, context, jax.random.fold_in(key, index), from_level(last - index))
            for index, (transfer, tree, context) in enumerate(levels(trainable, contexts))
        ]
        return sum(parts, start=jax.numpy.zeros(()))

    unmoved = all(transfer.latents is same_latents for transfer in transfers)
    free = all(transfer.penalty is no_penalty for transfer in transfers)
    return Transfer(init, params, same_latents if unmoved else latents, no_penalty if free else penalty)


def matrix_shape(kernel: Array) -> tuple[int, int]:
    """A kernel as a matrix: (h, w, c, d) has h * w * c rows and d columns."""
    return math.prod(kernel.shape[:-1]), kernel.shape[-1]
