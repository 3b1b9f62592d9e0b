"""What a run is between two steps, and the shape of what makes the steps."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import flax.struct
import jax
import jax.numpy as jnp
import optax
from jax import Array

from genjax.control import Controller
from genjax.transfer import Transfer
from genjax.tree import Tree, check_alike, copy

Batch = Mapping[str, Any]
Metrics = dict[str, Array]
Networks = dict[str, Tree]  # one tree a network: "generator" and "critic", or "vae"

# What every learner measures and obeys, beside what is its own.
SHARED_SIGNALS = ("images", "finite", "diversity", "loss_gradient_norm", "penalty_gradient_norm")
SHARED_KNOBS = ("transfer_weight", "learning_rate_scale", "collapsed", "unsound_steps", "rollbacks")

IN_A_ROW = "_in_a_row"  # ends the name of the metric that counts the latest updates, all of them skipped
FIXED_LATENTS = 1 << 30  # folded into a run's key: a number that no step reaches
FIXED = 4  # latents whose images are watched in every step where a controller reads `diversity`


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

    def apply(self, variables: Mapping[str, Any], inputs: Array, /, **kwargs: Any) -> Any:
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
        evidence: (params, source, key) -> (): how likely the networks `params` hold a sample of `source` to be, both
            {network: params}; for the Fisher information, with transfers that train everything.
        controller: all of its controllers.
        encode: (networks, context, images) -> mean and log-variance (n, latent_size) of q(z|x); None without.
        log_likelihood: (networks, context, images, latents) -> log p(x|z) in nats (n,); None without.
        batches_per_step: real batches that one step takes.
        target_nats: (networks, context, batch) -> -log p in nats (n,) of the batch's last segment of tokens given those
            before it; None without.
        score: (networks, context, images, text) -> how well each image fits its text (n,); None without.
    """

    init: Callable[..., TrainState]
    step: Callable[[TrainState, Batch], tuple[TrainState, Metrics]]
    latents: Callable[[Array, int], Array]
    generate: Callable[..., Array]
    sample: Callable[..., Array]
    reconstruct: Callable[[Networks, Networks, Array], Array] | None
    transfers: dict[str, Transfer]
    evidence: Callable[[Networks, Networks, Array], Array]
    controller: Controller
    encode: Callable[[Networks, Networks, Array], tuple[Array, Array]] | None = None
    log_likelihood: Callable[[Networks, Networks, Array, Array], Array] | None = None
    batches_per_step: int = 1
    target_nats: Callable[[Networks, Networks, Batch], Array] | None = None
    score: Callable[[Networks, Networks, Array, Array], Array] | None = None


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
        optimizer={network: counted(optimizers[network].init(tree)) for network, tree in trainable.items()},
        control=copy(control),
    )


class Counted(NamedTuple):
    """The state of an optimiser, and how often it was left alone.

    Attributes:
        state: of the optimiser.
        skipped: (), int32: updates that were skipped.
        in_a_row: (), int32: of these the latest without one that was used.
    """

    state: Tree
    skipped: Array
    in_a_row: Array


def counted(state: Tree) -> Counted:
    """An optimiser's first state."""
    return Counted(state, jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32))


class Update(NamedTuple):
    """What one step of an optimiser left behind.

    Attributes:
        trainable: the tree, moved or as it was.
        optimizer_state: the same.
        gradient_norm: () of the gradients as they were given.
        accepted: (), bool: whether the tree was moved.
    """

    trainable: Tree
    optimizer_state: Counted
    gradient_norm: Array
    accepted: Array


def update(
    optimizer: optax.GradientTransformation,
    gradients: Tree,
    optimizer_state: Counted,
    trainable: Tree,
    knobs: Mapping[str, Array],
    network: str,
) -> Update:
    """One step of the optimiser, unless the gradients are not finite: then everything stays, and that is counted.

    Args:
        optimizer: whose updates are multiplied by the knobs `learning_rate_scale` and `{network}_rate`.
        gradients: of `trainable`. Longer ones than the knob `{network}_gradient_limit` are shortened to it, or, where
            `{network}_gradient_skip` is 1, not used.
        optimizer_state: of the optimiser.
        trainable: to be moved.
        knobs: those that a controller sets; an absent one is neutral.
        network: whose tree this is.
    """
    norm = global_norm(gradients)
    accepted = jnp.isfinite(norm)
    limit = knobs.get(f"{network}_gradient_limit")
    if limit is not None:
        accepted &= (norm <= limit) | (knobs[f"{network}_gradient_skip"] == 0)
        gradients = jax.tree.map(lambda leaf: leaf * jnp.minimum(1.0, limit / jnp.maximum(norm, 1e-12)), gradients)
    before, skipped, in_a_row = optimizer_state
    updates, after = optimizer.update(gradients, before, trainable)
    for rate in (knobs.get(name) for name in ("learning_rate_scale", f"{network}_rate")):
        if rate is not None:
            accepted &= jnp.isfinite(rate)
            updates = jax.tree.map(lambda leaf, rate=rate: leaf * rate, updates)
    trainable, state = choose(accepted, (optax.apply_updates(trainable, updates), after), (trainable, before))
    left_out = 1 - accepted.astype(jnp.int32)
    return Update(trainable, Counted(state, skipped + left_out, left_out * (in_a_row + 1)), norm, accepted)


def all_finite(metrics: Mapping[str, Array], updates: Mapping[str, Update]) -> Array:
    """1 where every loss of a step and every gradient was finite, else 0: ()."""
    numbers = [value for name, value in metrics.items() if name.startswith("loss/")]
    numbers += [done.gradient_norm for done in updates.values()]
    return jnp.isfinite(jnp.stack(numbers)).all().astype(jnp.float32)


def spread(images: Array) -> Array:
    """Mean over the values of an image of their standard deviation over the batch: 0 where all images are alike."""
    return jnp.std(images, axis=0).mean()


def forward_with_features(
    module: Module, params: Tree, latents: Array, **kwargs: Any
) -> tuple[Array, tuple[Array, ...]]:
    """What a module makes of latents, and what its upsampling convolutions gave on the way, the smallest first."""
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
    """The first tree where the condition () holds, else the second."""
    return jax.tree.map(lambda new, old: jnp.where(condition, new, old), chosen, otherwise)


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


def constant_knobs(values: Mapping[str, float]) -> dict[str, Array]:
    """Knobs that no controller sets. Made inside a step: outside of one, JAX would compile each of them."""
    return {name: jnp.float32(value) for name, value in values.items()}


def describe(updates: Mapping[str, Update], knobs: Mapping[str, Array]) -> Metrics:
    """The metrics that every step has: for each network norms and how many updates were skipped; and the knobs."""
    metrics = {}
    for network, done in updates.items():
        metrics[f"gradient_norm/{network}"] = done.gradient_norm
        metrics[f"parameter_norm/{network}"] = global_norm(done.trainable)
        metrics[f"skipped/{network}"] = done.optimizer_state.skipped
        metrics[f"skipped/{network}{IN_A_ROW}"] = done.optimizer_state.in_a_row
    return metrics | {f"control/{name}": knob for name, knob in knobs.items()}


def global_norm(tree: Tree) -> Array:
    """The Euclidean length of all leaves together."""
    return jnp.sqrt(sum((jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree)), start=jnp.zeros(())))
