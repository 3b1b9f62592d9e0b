"""What the learners of a single network with a single loss have in common: the state, and one update of it.

The prior, in both of its objectives, and the reranker are such learners; each says what its loss is and what it makes.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import optax
from jax import Array

from genjax.control import Controller
from genjax.errors import InputError
from genjax.families.learner import (
    SHARED_KNOBS,
    SHARED_SIGNALS,
    Batch,
    Metrics,
    Networks,
    TrainState,
    all_finite,
    describe,
    global_norm,
    moving_average,
    start,
    update,
)
from genjax.transfer import Transfer
from genjax.transfer.transfer import same_latents
from genjax.tree import Tree

Objective = Callable[[Tree, Batch, Array], tuple[Array, Metrics]]  # (params, batch, key) -> (mean loss, metrics)


def signals_of(network: str) -> tuple[str, ...]:
    """What such a learner measures for its controllers."""
    return (f"{network}_gradient_norm", *SHARED_SIGNALS)


def knobs_of(network: str) -> tuple[str, ...]:
    """What such a learner obeys."""
    return (f"{network}_gradient_limit", f"{network}_gradient_skip", *SHARED_KNOBS)


def check_transfer(network: str, transfer: Transfer) -> None:
    """Raises InputError for a transfer that moves latents: these networks have none that could be moved."""
    if transfer.latents is not same_latents:
        raise InputError(f"a {network} has no latents that a transfer could move. Leave miner out.")


def make_init(
    network: str,
    *,
    fresh: Callable[[Array, Batch], Tree],
    optimizer: optax.GradientTransformation,
    controller: Controller,
    transfer: Transfer,
) -> Callable[..., TrainState]:
    """`Learner.init` for a network whose parameters are `fresh(key, batch)`."""

    def init(key: Array, batch: Batch, *, source: Networks | None = None) -> TrainState:
        params_key, start_key = jax.random.split(key)
        made = {network: fresh(params_key, batch)}
        return start(
            start_key,
            made if source is None else source,
            expected=made,
            transfers={network: transfer},
            optimizers={network: optimizer},
            sampled=(network,),
            control=controller.init(),
        )

    return init


def make_step(
    network: str,
    *,
    objective: Objective,
    size: Callable[[Batch], int],
    optimizer: optax.GradientTransformation,
    controller: Controller,
    transfer: Transfer,
    ema_images: float,
) -> Callable[[TrainState, Batch], tuple[TrainState, Metrics]]:
    """`Learner.step` for a network that minimises `objective`, whose key is a function of (seed, step)."""

    def forward(params: Tree, latents: Array) -> Any:
        raise InputError(
            f"the penalty of this transfer compares images made of latents, and a {network} makes none. "
            "Use l2_sp or ewc."
        )

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        loss_key, penalty_key = jax.random.split(jax.random.fold_in(state.key, state.step))
        tree, context = state.trainable[network], state.context[network]
        knobs = controller.knobs(state.control)

        gradients, metrics = jax.grad(
            lambda tree: objective(transfer.params(tree, context), batch, loss_key), has_aux=True
        )(tree)
        penalty, penalty_gradients = jax.value_and_grad(transfer.penalty)(tree, context, penalty_key, forward)
        weight = knobs.get("transfer_weight", jnp.ones(()))
        total = jax.tree.map(lambda first, second: first + weight * second, gradients, penalty_gradients)
        done = update(optimizer, total, state.optimizer[network], tree, knobs, network)
        average = moving_average(
            state.average[network], done.trainable, step=state.step, batch=size(batch), half_life=ema_images
        )
        metrics |= {
            "penalty/transfer": penalty,
            "gradient_norm/loss": global_norm(gradients),
            "gradient_norm/penalty": global_norm(penalty_gradients),
        }
        signals = {
            f"{network}_gradient_norm": done.gradient_norm,
            "loss_gradient_norm": metrics["gradient_norm/loss"],
            "penalty_gradient_norm": metrics["gradient_norm/penalty"],
            "images": jnp.float32(size(batch)),
            "finite": all_finite(metrics, {network: done}),
            "diversity": jnp.float32(jnp.nan),  # unknown, says the collapse guard: sampling costs more than the step
        }
        state = dataclasses.replace(
            state,
            step=state.step + 1,
            trainable={network: done.trainable},
            average={network: average},
            optimizer={network: done.optimizer_state},
            control=controller.update(signals, state.control),
        )
        return state, metrics | describe({network: done}, knobs)

    return step


def makes_no_images(why: str) -> Callable[..., NoReturn]:
    """What stands in a learner for the functions that make images, where its network makes none.

    Args:
        why: it makes none; the message of the InputError that a call raises.
    """

    def nothing(*arguments: object, **options: object) -> NoReturn:
        raise InputError(why)

    return nothing
