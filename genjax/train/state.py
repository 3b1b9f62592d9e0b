"""What a run is between two steps, and the shape of what makes the steps."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import flax.struct
import jax
import jax.numpy as jnp
import optax
from jax import Array

from genjax.transfer import Transfer
from genjax.tree import Tree, check_alike, copy

Batch = Mapping[str, Any]
Metrics = dict[str, Array]
Networks = dict[str, Tree]  # one tree a network: "generator" and "critic", or "vae"


@flax.struct.dataclass
class TrainState:
    """Everything that must survive a stop and cannot be derived from (seed, step)."""

    step: Array  # (), int32: updates done
    key: Array  # the run's random key; each step folds its number into it
    trainable: Networks  # what the optimisers update
    context: Networks  # what the transfers keep as it is
    average: Networks  # moving averages of the trainable trees that make images
    optimizer: Networks
    control: Any  # of the controllers


class Module(Protocol):
    """What a learner asks of a network: a Flax module is one."""

    def init(self, key: Array, inputs: Array, /) -> Mapping[str, Any]:
        """Variables, with the parameters under "params"."""
        ...

    def apply(self, variables: Mapping[str, Any], inputs: Array, /, *, method: str | None = None) -> Any:
        """The network, or one of its methods, with these variables."""
        ...


class Learner(NamedTuple):
    """One family of models, ready to be trained. All functions are pure; the caller jits them.

    Attributes:
        init: (key, batch, source=None) -> TrainState. The batch is an example of those to come; `source` is
            {network: params} to adapt from, None to start afresh.
        step: (state, batch) -> (state, metrics). batch["image"]: (n, h, w, c), uint8 or float in [-1, 1].
        latents: (key, n) -> (n, latent_size).
        generate: (networks, context, latents, condition=None) -> images (n, h, w, c) in [-1, 1].
        sample: (state, key, n, condition=None) -> images (n, h, w, c) in [-1, 1], by the averaged parameters.
        reconstruct: (networks, context, images) -> images; None where the family has no encoder.
        transfers: {network: its transfer}.
        batches_per_step: real batches that one step takes.
    """

    init: Callable[..., TrainState]
    step: Callable[[TrainState, Batch], tuple[TrainState, Metrics]]
    latents: Callable[[Array, int], Array]
    generate: Callable[..., Array]
    sample: Callable[..., Array]
    reconstruct: Callable[[Networks, Networks, Array], Array] | None
    transfers: dict[str, Transfer]
    batches_per_step: int = 1


def start(
    key: Array,
    params: Networks,
    *,
    expected: Networks,
    transfers: dict[str, Transfer],
    optimizers: dict[str, optax.GradientTransformation],
    sampled: tuple[str, ...],
    control: Any,
) -> TrainState:
    """The state before the first step: parameters, passed through their transfers.

    Args:
        key: of the run.
        params: {network: params}, fresh or from a source.
        expected: the same as the modules initialise them; every name and shape must fit.
        transfers: {network: its transfer}.
        optimizers: {network: its optimiser}.
        sampled: the networks that make images, of which averages are kept.
        control: the controllers' first state.
    Raises:
        InputError: the parameters do not fit, with every name that differs.
    """
    check_alike(params, expected, what="the source")
    trainable, context = {}, {}
    for index, network in enumerate(sorted(transfers)):
        tree, kept = transfers[network].init(params[network], jax.random.fold_in(key, index))
        trainable[network], context[network] = copy(tree), copy(kept)
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        key=key,
        trainable=trainable,
        context=context,
        average={network: copy(trainable[network]) for network in sampled},
        optimizer={network: optimizers[network].init(tree) for network, tree in trainable.items()},
        control=copy(control),
    )


def update(
    optimizer: optax.GradientTransformation, gradients: Tree, optimizer_state: Tree, trainable: Tree
) -> tuple[Tree, Tree]:
    """(trainable, optimiser state) after one step of the optimiser."""
    updates, optimizer_state = optimizer.update(gradients, optimizer_state, trainable)
    return optax.apply_updates(trainable, updates), optimizer_state


def exported(state: TrainState) -> Networks:
    """What is worth keeping of each network: its average where there is one, else what is trained."""
    return state.trainable | state.average


def moving_average(average: Tree, trainable: Tree, *, step: Array, batch: int, half_life: float) -> Tree:
    """One step of the exponential moving average, counted in images, with a ramp at the start.

    `beta = 0.5 ** (batch / min(half_life, 0.05 * images seen))`. (Karras et al. 2020, the reference implementation)
    """
    if half_life == 0:
        return copy(trainable)
    seen = (step + 1) * batch
    beta = 0.5 ** (batch / jnp.minimum(half_life, 0.05 * seen))
    return jax.tree.map(lambda old, new: beta * old + (1 - beta) * new, average, trainable)


def describe(gradients: Networks, trainable: Networks, knobs: Mapping[str, Array]) -> Metrics:
    """The metrics that every step has: norms of gradients and parameters for each network, and the knobs."""
    metrics = {f"gradient_norm/{network}": global_norm(tree) for network, tree in gradients.items()}
    metrics |= {f"parameter_norm/{network}": global_norm(tree) for network, tree in trainable.items()}
    return metrics | {f"control/{name}": knob for name, knob in knobs.items()}


def global_norm(tree: Tree) -> Array:
    """The Euclidean length of all leaves together."""
    return jnp.sqrt(sum((jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree)), start=jnp.zeros(())))
