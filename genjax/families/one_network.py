"""The learner of a single network with a single loss: the first state, and one update of it.

Flows, autoencoders, priors, the reranker and the classifier of attributes are such learners; each says what its loss
is. A companion may be trained by the same loss, such as what weighs it: no image is made by it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from genjax.control import Controller
from genjax.errors import InputError
from genjax.families.accumulate import averaged, in_parts, keys_of_parts
from genjax.families.averages import averages_of, move_averages, start_averages
from genjax.families.conditions import STYLED
from genjax.families.copies import Measure
from genjax.families.learner import Batch, Learner, Metrics, Networks, TrainState
from genjax.families.step import (
    FIXED,
    SHARED_KNOBS,
    SHARED_SIGNALS,
    descend,
    finish_step,
    network_knobs,
    network_signals,
    start,
    update,
)
from genjax.transfer import Transfer, full
from genjax.transfer.transfer import same_latents
from genjax.tree import Tree

# (params, batch, key, and those of a companion where there is one) -> (mean loss, metrics)
Objective = Callable[..., tuple[Array, Metrics]]
# Axes of a row of each column of a batch; of others there are none.
TRAILING = {"image": 3, "text": 1, "tokens": 1, STYLED: 1}


def signals_of(network: str) -> tuple[str, ...]:
    """Returns the names of the signals that such a learner measures."""
    return (*network_signals(network), *SHARED_SIGNALS)


def knobs_of(network: str) -> tuple[str, ...]:
    """Returns the names of the knobs that such a learner obeys."""
    return (*network_knobs(network), *SHARED_KNOBS)


def check_transfer(network: str, transfer: Transfer) -> None:
    """Raises InputError for a transfer that moves latents: these networks have none, or plain noise."""
    if transfer.latents is not same_latents:
        raise InputError(f"a {network} has no latents that a transfer could move. Leave miner out.")


class Companion(NamedTuple):
    """A network that is trained by the loss of another, in full by whatever transfer that one is.

    Attributes:
        network: its name.
        fresh: () -> its first parameters.
        optimizer: optimiser of these.
    """

    network: str
    fresh: Callable[[], Tree]
    optimizer: optax.GradientTransformation


class OneNetwork(NamedTuple):
    """The static parts of such a learner; see the arguments of `learner_of`."""

    network: str
    fresh: Callable[[Array, Batch], Tree]
    objective: Objective
    optimizer: optax.GradientTransformation
    controller: Controller
    transfer: Transfer
    ema_images: float
    ema_widths: tuple[float, ...]
    accumulate: int
    forward: Callable[[Tree, Array], Any] | None
    signals: Mapping[str, str]
    fixed_latents: Callable[[Array, int], Array] | None
    companion: Companion | None
    copies: Measure | None


def learner_of(
    network: str,
    *,
    fresh: Callable[[Array, Batch], Tree],
    objective: Objective,
    optimizer: optax.GradientTransformation,
    controller: Controller,
    transfer: Transfer,
    ema_images: float = 0.0,
    ema_widths: Sequence[float] = (),
    accumulate: int = 1,
    forward: Callable[[Tree, Array], Any] | None = None,
    signals: Mapping[str, str] = {},
    fixed_latents: Callable[[Array, int], Array] | None = None,
    companion: Companion | None = None,
    copies: Measure | None = None,
    **further: Any,
) -> Learner:
    """Makes the learner of a network.

    Args:
        network: its name.
        fresh: (key, batch) -> parameters.
        objective: mean loss of a batch; what it draws is a function of its key, which is one of (seed, step).
        optimizer: optimiser of the trainable tree.
        controller: chain of its controllers.
        transfer: of the network.
        ema_images: half-life of the parameters' moving average in images; 0 is off.
        ema_widths: widths of power-function averages that are kept in its place, the one that is sampled from first.
        accumulate: parts of a batch that are computed one after the other.
        forward: (params, latents) -> (images, features), for penalties and controllers that look at images; None
            where there are no images of latents.
        signals: {signal: metric of the objective}, beside those that all learners measure.
        fixed_latents: (key, n) -> latents whose images are watched; None where there are none.
        companion: network that is trained by the same loss; None where there is none.
        copies: share of samples that copy a training image; None where it is not measured.
        further: what else the learner can do: `sample`, `evidence`, `latents`, ...
    """
    widths = tuple(ema_widths)
    one = OneNetwork(
        network,
        fresh,
        objective,
        optimizer,
        controller,
        transfer,
        ema_images,
        widths,
        accumulate,
        forward,
        signals,
        fixed_latents,
        companion,
        copies,
    )
    transfers = {network: transfer} | ({} if companion is None else {companion.network: full()})
    return Learner(
        init=partial(_init, one),
        step=partial(_step, one),
        transfers=transfers,
        controller=controller,
        averages=partial(averages_of, widths=widths) if widths else None,
        **further,
    )


def _init(one: OneNetwork, key: Array, batch: Batch, *, source: Networks | None = None) -> TrainState:
    params_key, start_key = jax.random.split(key)
    made, transfers = {one.network: one.fresh(params_key, batch)}, {one.network: one.transfer}
    optimizers = {one.network: one.optimizer}
    if one.companion is not None:
        made[one.companion.network], transfers[one.companion.network] = one.companion.fresh(), full()
        optimizers[one.companion.network] = one.companion.optimizer
    state = start(
        start_key,
        made if source is None else source,
        expected=made,
        transfers=transfers,
        optimizers=optimizers,
        sampled=(one.network,),
        control=one.controller.init(),
    )
    return start_averages(state, one.ema_widths)


def _step(one: OneNetwork, state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
    """Takes one step: the loss and its gradients, update, averages, controllers."""
    loss_key, penalty_key = jax.random.split(jax.random.fold_in(state.key, state.step))
    context, others = state.context[one.network], () if one.companion is None else (one.companion.network,)
    parts = {name: in_parts(jnp.asarray(rows), TRAILING.get(name, 0), one.accumulate) for name, rows in batch.items()}
    first = next(iter(parts.values()))
    number = first.shape[0] * first.shape[1]

    def loss_of(trees: Networks, batch: Batch, key: Array) -> tuple[Array, Metrics]:
        params = one.transfer.params(trees[one.network], context)
        return one.objective(params, batch, key, *(trees[other] for other in others))

    gradients, metrics = averaged(partial(jax.grad(loss_of, has_aux=True), state.trainable), one.accumulate)(
        parts, keys_of_parts(loss_key, one.accumulate)
    )
    knobs = one.controller.knobs(state.control)
    done, measured = descend(
        one.optimizer,
        one.transfer,
        gradients[one.network],
        state,
        one.network,
        knobs=knobs,
        key=penalty_key,
        forward=one.forward or partial(_no_images, one.network),
    )
    updates = {one.network: done}
    if one.companion is not None:
        name = one.companion.network
        before, moved = state.optimizer[name], state.trainable[name]
        updates[name] = update(one.companion.optimizer, gradients[name], before, moved, knobs, name)
    after, metrics = finish_step(
        state,
        updates,
        metrics | measured,
        {name: metrics[metric] for name, metric in one.signals.items()},
        knobs=knobs,
        controller=one.controller,
        images=number,
        batch=number,
        half_life=one.ema_images,
        fixed_images=_watched(one, context),
        copies=one.copies,
    )
    return move_averages(state, after, one.ema_widths), metrics


def _watched(one: OneNetwork, context: Tree) -> Callable[[Networks, Array], Array] | None:
    """Returns ({network: trainable}, key) -> images of the latents that are watched; None where there are none."""
    forward, latents = one.forward, one.fixed_latents
    if forward is None or latents is None:
        return None
    return lambda trained, key: forward(one.transfer.params(trained[one.network], context), latents(key, FIXED))[0]


def _no_images(network: str, params: Tree, latents: Array) -> Any:
    raise InputError(
        f"the penalty of this transfer compares images made of latents, and a {network} makes none. Use l2_sp or ewc."
    )
