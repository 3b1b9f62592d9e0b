"""The parts that all training steps share: the first state, one update of a network, and what every step ends with."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import optax
from jax import Array

from genjax.control import Controller
from genjax.devices.backend import on_cpu
from genjax.families.copies import Measure
from genjax.families.learner import FIXED_LATENTS, Metrics, Module, Networks, TrainState
from genjax.transfer import Transfer
from genjax.transfer.transfer import Forward
from genjax.tree import Tree, check_alike, copy

# Signals that every learner measures and knobs that it obeys, beside its own.
SHARED_SIGNALS = ("images", "finite", "diversity", "loss_gradient_norm", "penalty_gradient_norm")
SHARED_KNOBS = (
    *("transfer_weight", "learning_rate_scale", "annealed_rate", "copies_rate"),
    *("collapsed", "unsound_steps", "rollbacks", "copies_seen"),
)
RATES = ("learning_rate_scale", "annealed_rate", "copies_rate")  # knobs that multiply the updates of every network

IN_A_ROW = "_in_a_row"  # ends the name of the metric that counts the latest updates, all of them skipped
FIXED = 4  # latents whose images are watched in every step where a controller reads `diversity`

Share = Callable[[Array, int], Array]  # (array, axis) -> the same array, that axis shared among the devices
Knobs = Mapping[str, Array]
S = TypeVar("S", bound=TrainState)
R = TypeVar("R")


def stay(array: Array, axis: int) -> Array:
    """Returns the array as it is: the `Share` of a single device."""
    return array


def network_signals(*networks: str) -> tuple[str, ...]:
    """Returns the names of the gradient norms that are measured of these networks."""
    return tuple(f"{network}_gradient_norm" for network in networks)


def network_knobs(*networks: str) -> tuple[str, ...]:
    """Returns the names of the limits on gradients that `update` obeys for these networks."""
    return tuple(f"{network}_gradient_{part}" for network in networks for part in ("limit", "skip"))


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
    """Makes the state before the first step: parameters, passed through their transfers.

    Args:
        key: key of the run.
        params: {network: params}, fresh or from a source.
        expected: fresh parameters of the modules; every name and shape must fit.
        transfers: {network: its transfer}.
        optimizers: {network: its optimiser}.
        sampled: networks that make images, of which averages are kept.
        control: first state of the controllers.
    Raises:
        InputError: the parameters do not fit, with every name that differs.
    """
    check_alike(params, expected, what="the source")
    trainable, context = {}, {}
    for index, network in enumerate(sorted(transfers)):
        tree, kept = transfers[network].init(params[network], jax.random.fold_in(key, index))
        trainable[network], context[network] = copy(tree), copy(kept)  # a buffer donated twice would be an error
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        key=key,
        trainable=trainable,
        context=context,
        average={network: copy(trainable[network]) for network in sampled},
        optimizer={network: counted(optimizers[network].init(tree)) for network, tree in trainable.items()},
        control=copy(control),
    )


class Counted(NamedTuple):
    """The state of an optimiser, and counts of the updates that were skipped.

    Attributes:
        state: state of the optimiser.
        skipped: (), int32: skipped updates in all.
        in_a_row: (), int32: skipped updates since the last that was used.
    """

    state: Tree
    skipped: Array
    in_a_row: Array


def counted(state: Tree) -> Counted:
    """Wraps the first state of an optimiser."""
    return Counted(state, jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32))


class Update(NamedTuple):
    """The result of one update of a network.

    Attributes:
        trainable: tree after the update, or as it was.
        optimizer_state: state of the optimiser likewise.
        gradient_norm: () norm of the gradients as they were given.
        accepted: (), bool: True if the update was used.
    """

    trainable: Tree
    optimizer_state: Counted
    gradient_norm: Array
    accepted: Array


def update(
    optimizer: optax.GradientTransformation | optax.GradientTransformationExtraArgs,
    gradients: Tree,
    optimizer_state: Counted,
    trainable: Tree,
    knobs: Knobs,
    network: str,
) -> Update:
    """Takes one step of the optimiser, or skips and counts it if the gradients are not finite.

    Args:
        optimizer: its updates are multiplied by the knobs RATES and `{network}_rate`. Where a learner obeys `beta2`,
            one that takes it, as `adam` does.
        gradients: of `trainable`. Longer ones than the knob `{network}_gradient_limit` are shortened to it, or, where
            `{network}_gradient_skip` is 1, not used.
        optimizer_state: state of the optimiser.
        trainable: tree to be moved.
        knobs: those that a controller sets; an absent one is neutral.
        network: name of the network.
    """
    norm = global_norm(gradients)
    accepted = jnp.isfinite(norm)
    limit = knobs.get(f"{network}_gradient_limit")
    if limit is not None:
        accepted &= (norm <= limit) | (knobs[f"{network}_gradient_skip"] == 0)
        gradients = jax.tree.map(lambda leaf: leaf * jnp.minimum(1.0, limit / jnp.maximum(norm, 1e-12)), gradients)
    before, skipped, in_a_row = optimizer_state
    moment = {"beta2": knobs["beta2"]} if "beta2" in knobs else {}
    updates, after = optimizer.update(gradients, before, trainable, **moment)
    for rate in (knobs.get(name) for name in (*RATES, f"{network}_rate")):
        if rate is not None:
            accepted &= jnp.isfinite(rate)
            updates = jax.tree.map(lambda leaf, rate=rate: leaf * rate, updates)
    trainable, state = choose(accepted, (optax.apply_updates(trainable, updates), after), (trainable, before))
    left_out = 1 - accepted.astype(jnp.int32)
    return Update(trainable, Counted(state, skipped + left_out, left_out * (in_a_row + 1)), norm, accepted)


def descend(
    optimizer: optax.GradientTransformation,
    transfer: Transfer,
    gradients: Tree,
    state: TrainState,
    network: str,
    *,
    knobs: Knobs,
    key: Array,
    forward: Forward,
) -> tuple[Update, Metrics]:
    """Updates a network by the gradients of its loss and of its transfer's penalty: loss + transfer_weight * penalty.

    Args:
        optimizer: of the network.
        transfer: of the network.
        gradients: of the loss.
        state: before the step.
        network: name of the network.
        knobs: those that a controller sets.
        key: key of the penalty.
        forward: (params, latents) -> (images, features), for penalties that compare images.
    Returns:
        The update, and the metrics of penalty and gradients.
    """
    tree, context = state.trainable[network], state.context[network]
    penalty, penalty_gradients = jax.value_and_grad(transfer.penalty)(tree, context, key, forward)
    weight = knobs.get("transfer_weight", jnp.ones(()))
    total = jax.tree.map(lambda first, second: first + weight * second, gradients, penalty_gradients)
    return update(optimizer, total, state.optimizer[network], tree, knobs, network), {
        "penalty/transfer": penalty,
        "gradient_norm/loss": global_norm(gradients),
        "gradient_norm/penalty": global_norm(penalty_gradients),
    }


def finish_step(
    state: S,
    updates: Mapping[str, Update],
    metrics: Metrics,
    signals: Mapping[str, Array],
    *,
    knobs: Knobs,
    controller: Controller,
    images: int,
    batch: int,
    half_life: float,
    fixed_images: Callable[[Networks, Array], Array] | None = None,
    copies: Measure | None = None,
) -> tuple[S, Metrics]:
    """Ends a step: moving averages, signals to the controllers, the next state, the metrics that every step has.

    Args:
        state: before the step.
        updates: {network: its update}.
        metrics: measured in the step, `gradient_norm/loss` and `gradient_norm/penalty` among them.
        signals: the learner's own; a `{network}_gradient_norm` among them takes the place of the update's.
        knobs: those that were obeyed.
        controller: chain of all controllers.
        images: real images that the step took.
        batch: images by which the moving average is counted.
        half_life: of the moving average in images; 0 is off.
        fixed_images: ({network: trainable}, key) -> images of a few latents, the same in every step; None where
            making them costs more than the step: controllers are then told that the diversity is not known.
        copies: share of samples that copy a training image; None where these are not known, as in a pretraining.
    """
    trainable = {network: done.trainable for network, done in updates.items()}
    known = {
        "loss_gradient_norm": metrics["gradient_norm/loss"],
        "penalty_gradient_norm": metrics["gradient_norm/penalty"],
        "images": jnp.float32(images),
        "finite": all_finite(metrics, updates),
        "diversity": jnp.float32(jnp.nan),
        "copies": jnp.float32(jnp.nan),
    }
    known |= {f"{network}_gradient_norm": done.gradient_norm for network, done in updates.items()}
    if fixed_images is not None and "diversity" in controller.reads:
        made = fixed_images(trainable, jax.random.fold_in(state.key, FIXED_LATENTS))
        metrics = metrics | {"diversity": spread(made)}
        known["diversity"] = metrics["diversity"]
    if copies is not None and "copies" in controller.reads:
        known["copies"] = copies(trainable, state.context, jax.random.fold_in(state.key, FIXED_LATENTS), state.step + 1)
    reach = knobs.get("average_scale", 1.0)
    average = {
        network: moving_average(
            before, trainable[network], step=state.step, batch=batch, half_life=half_life, scale=reach
        )
        for network, before in state.average.items()
    }
    state = dataclasses.replace(
        state,
        step=state.step + 1,
        trainable=trainable,
        average=average,
        optimizer={network: done.optimizer_state for network, done in updates.items()},
        control=controller.update({**known, **signals}, state.control),
    )
    return state, metrics | describe(updates, knobs)


def all_finite(metrics: Mapping[str, Array], updates: Mapping[str, Update]) -> Array:
    """Returns 1 where every loss of a step and every gradient was finite, else 0: ()."""
    numbers = [value for name, value in metrics.items() if name.startswith("loss/")]
    numbers += [done.gradient_norm for done in updates.values()]
    return jnp.isfinite(jnp.stack(numbers)).all().astype(jnp.float32)


def spread(images: Array) -> Array:
    """Returns the mean over an image's values of their standard deviation over the batch: 0 where all are alike."""
    return jnp.std(images, axis=0).mean()


def forward_with_features(
    module: Module, params: Tree, latents: Array, **kwargs: Any
) -> tuple[Array, tuple[Array, ...]]:
    """Applies a module; returns its output and that of its upsampling convolutions on the way, the smallest first."""
    images, kept = module.apply(
        {"params": params},
        latents,
        capture_intermediates=lambda part, _: (part.name or "").startswith("up_"),
        mutable=["intermediates"],
        **kwargs,
    )
    found = jax.tree.leaves(kept, is_leaf=lambda leaf: isinstance(leaf, jax.Array))
    return images, tuple(sorted(found, key=lambda leaf: leaf.shape[1]))


def choose(condition: Array, chosen: Tree, otherwise: Tree) -> Tree:
    """Returns the first tree where the condition () holds, else the second."""
    return jax.tree.map(lambda new, old: jnp.where(condition, new, old), chosen, otherwise)


def either(condition: Array, first: Callable[[], R], second: Callable[[], R]) -> R:
    """Returns what the first function gives where the condition () holds, else what the second gives.

    On a CPU both are computed: there the convolutions of a branch run on one thread. (Measured by
    `experiments/gan/branch.py`.)
    """
    if on_cpu():
        return choose(condition, first(), second())
    return jax.lax.cond(condition, first, second)


def moving_average(
    average: Tree, trainable: Tree, *, step: Array, batch: int, half_life: float, scale: Array | float = 1.0
) -> Tree:
    """Moves the exponential moving average by one step, counted in images, with a ramp at the start.

    `beta = 0.5 ** (batch / min(scale * half_life, 0.05 * images seen))`, 0 where the scale is. (Karras et al. 2020, the
    reference implementation)
    """
    if half_life == 0:
        return copy(trainable)
    seen = (step + 1) * batch
    beta = 0.5 ** (batch / jnp.maximum(jnp.minimum(scale * half_life, 0.05 * seen), 1e-8))
    return jax.tree.map(lambda old, new: beta * old + (1 - beta) * new, average, trainable)


def constant_knobs(values: Mapping[str, float]) -> dict[str, Array]:
    """Returns knobs that no controller sets, as arrays. To be called in a step: outside JAX would compile each."""
    return {name: jnp.float32(value) for name, value in values.items()}


def describe(updates: Mapping[str, Update], knobs: Knobs) -> Metrics:
    """Returns the metrics that every step has: for each network norms and counts of skipped updates; and the knobs."""
    metrics = {}
    for network, done in updates.items():
        metrics[f"gradient_norm/{network}"] = done.gradient_norm
        metrics[f"parameter_norm/{network}"] = global_norm(done.trainable)
        metrics[f"skipped/{network}"] = done.optimizer_state.skipped
        metrics[f"skipped/{network}{IN_A_ROW}"] = done.optimizer_state.in_a_row
    return metrics | {f"control/{name}": knob for name, knob in knobs.items()}


def global_norm(tree: Tree) -> Array:
    """Returns the Euclidean length of all leaves together."""
    return jnp.sqrt(sum((jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree)), start=jnp.zeros(())))
