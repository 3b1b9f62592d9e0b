"""The flow learner: a network regresses the velocity from images to noise. (Liu et al. 2023; Karras et al. 2022)"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from genjax.control import Controller, chain, check
from genjax.data.images import to_float
from genjax.devices.backend import on_cpu
from genjax.families.conditions import NO_STYLE, absent, column_name, numbers_of
from genjax.families.copies import Shots, labels_apart, measure_of
from genjax.families.flow.ode import Field, Means, leap, solve
from genjax.families.learner import Batch, Encoder, Latents, Learner, Metrics, Module, Networks, TrainState
from genjax.families.model import NO_CONDITION, Condition
from genjax.families.one_network import Companion, check_transfer, knobs_of, learner_of, signals_of
from genjax.losses.flow import Network, Process, noise_levels, spread_uniforms, uncertain
from genjax.transfer import Transfer, full
from genjax.tree import Tree

NETWORK = "flow"
UNCERTAINTY = "uncertainty"  # network that weighs the loss of a noise level, where there is one
LEVELS = ("clean", "middle", "noisy")  # thirds of a batch by their times
SIGNALS = (*(f"loss_{level}" for level in LEVELS), "copies", *signals_of(NETWORK))
KNOBS = knobs_of(NETWORK)

FEW = 4  # Euler steps of images that a penalty or a controller compares
MEAN = "mean"  # solver of a process with mean velocities: leaps of any length
EVIDENCE_STEPS, EVIDENCE_TIMES = 8, 8  # Heun steps of a source's sample, and times at which it is judged
FIT_LEVELS = 16  # noise levels, evenly spread over those of training, at which the fit of an image is measured
FEATURES = ("block_", "down_", "up_", "middle")  # parts of a network whose outputs are compared


class FlowModule(Protocol):
    """The two functions that the learner calls of a network; a Flax module has them."""

    def init(self, key: Array, images: Array, levels: Array, condition: Array | None, /) -> Mapping[str, Any]:
        """Returns fresh variables, the parameters under "params"."""
        ...

    def apply(
        self, variables: Mapping[str, Any], images: Array, levels: Array, condition: Array | None, /, **kwargs: Any
    ) -> Any:
        """Applies the network to noisy images (n, h, w, c) at their noise levels (n,)."""
        ...


class Flow(NamedTuple):
    """The static parts of a flow's learner; see the arguments of `make_flow`."""

    module: FlowModule
    process: Process
    size: int
    channels: int
    condition: Condition
    transfer: Transfer
    null_probability: float
    preview_steps: int
    bound: float = 1.0
    uncertainty: Module | None = None

    @property
    def latent_size(self) -> int:
        """Returns the length of a latent vector: the values of an image."""
        return self.size**2 * self.channels


def make_flow(
    module: FlowModule,
    process: Process,
    *,
    size: int,
    channels: int,
    optimizer: optax.GradientTransformation,
    condition: Condition = NO_CONDITION,
    controller: Controller | None = None,
    null_probability: float = 0.1,
    ema_widths: Sequence[float] = (0.1, 0.05),
    preview_steps: int = 8,
    transfer: Transfer | None = None,
    accumulate: int = 1,
    bound: float = 1.0,
    uncertainty: Module | None = None,
    shots: Shots | None = None,
) -> Learner:
    """Makes the learner of this network, which minimises the loss of the process, a mean over values and images.

    Its latents are the noise that images begin as, one row (size * size * channels,) an image.

    Args:
        module: (noisy images, noise levels (n,), condition) -> images' shape.
        process: that the network is trained in.
        size: height and width of the images.
        channels: of the images.
        optimizer: optimiser of the trainable tree.
        condition: that images are trained and drawn under.
        controller: may read the signals SIGNALS and set the knobs KNOBS.
        null_probability: how often a condition is dropped.
        ema_widths: widths of the parameters' moving averages, the one that is sampled from first; none is off.
        preview_steps: Heun steps of the images along training.
        transfer: of the network; None is `full()`.
        accumulate: parts of a batch that are computed one after the other.
        bound: largest absolute value of an image; infinite of latents, which are images to this learner.
        uncertainty: (noise levels (n,)) -> (n,), which learns to weigh their losses; None weighs all alike.
        shots: images that are not to be copied, where a controller reads `copies`; None where it does not.
    Raises:
        InputError: a controller or a transfer that does not fit.
    """
    controller, transfer = controller or chain(), transfer or full()
    check(controller, signals=SIGNALS, knobs=KNOBS)
    check_transfer(NETWORK, transfer)
    flow = Flow(
        module, process, size, channels, condition, transfer, null_probability, preview_steps, bound, uncertainty
    )
    latents = Latents(partial(_draw, flow), partial(_generate, flow))
    return learner_of(
        NETWORK,
        fresh=partial(_fresh, flow),
        objective=partial(regression, flow),
        optimizer=optimizer,
        controller=controller,
        transfer=transfer,
        ema_widths=ema_widths,
        accumulate=accumulate,
        forward=partial(_forward, flow),
        signals={f"loss_{level}": f"loss/{level}" for level in LEVELS},
        fixed_latents=latents.draw,
        companion=None if uncertainty is None else _companion(uncertainty, optimizer),
        copies=measure_of(shots, latents.draw, partial(_few_steps, flow), _apart(condition, shots)),
        sample=partial(_sample, flow),
        evidence=partial(_evidence, flow),
        latents=latents,
        encoder=Encoder(partial(_reconstruct, flow)),
        fit=partial(_fit, flow),
    )


def _companion(uncertainty: Module, optimizer: optax.GradientTransformation) -> Companion:
    """Makes the companion of a learner: u(s), trained beside the network by the optimiser of the same rates."""
    return Companion(UNCERTAINTY, lambda: uncertainty.init(jax.random.key(0), jnp.zeros(1))["params"], optimizer)


def regression(
    flow: Flow, params: Tree, batch: Batch, key: Array, uncertainty: Tree | None = None
) -> tuple[Array, Metrics]:
    """Computes the loss of a batch at random times, and of its thirds from the least noise to the most.

    Args:
        flow: static parts of the learner.
        params: of the network.
        batch: images and what they are trained under.
        key: of all draws.
        uncertainty: parameters of u(s), by which the losses L are weighed as L / exp(u) + u; None without.
    Returns:
        The mean loss (), and metrics: the losses without this weight, and u of the thirds.
    """
    time_key, noise_key, drop_key = jax.random.split(key, 3)
    quantiles = flow.transfer.levels(spread_uniforms(time_key, len(batch["image"])))
    times, losses = losses_at(flow, params, batch, quantiles, time_key, noise_key, drop_key)
    metrics = {"loss/total": losses.mean()} | of_thirds("loss", times, losses)
    weighed_losses = weighed(flow, losses)
    if flow.uncertainty is not None:
        log_losses = flow.uncertainty.apply({"params": uncertainty}, flow.process.level(times))
        metrics |= of_thirds("uncertainty", times, log_losses)
        weighed_losses = uncertain(weighed_losses, log_losses)
    return weighed_losses.mean(), metrics


def of_thirds(name: str, times: Array, numbers: Array) -> Metrics:
    """Returns the means of numbers (n,) over thirds of a batch by their times (n,): `name/clean`, ..."""
    thirds = noise_levels(times, numbers, len(LEVELS))
    return {f"{name}/{level}": thirds[part] for part, level in enumerate(LEVELS)}


def losses_at(
    flow: Flow, params: Tree, batch: Batch, quantiles: Array, time_key: Array, noise_key: Array, drop_key: Array
) -> tuple[Array, Array]:
    """Returns the times of these quantiles of noise (n,), and the loss of each image at its own (n,)."""
    images = jnp.asarray(to_float(batch["image"]))
    process, condition = flow.process, dropped(flow, batch, drop_key)
    times = process.times(quantiles)
    pair = (times,) if process.pairs is None else process.pairs(jax.random.fold_in(time_key, 1), times)
    noise = jax.random.normal(noise_key, images.shape)
    return pair[0], process.loss(network_of(flow, params, condition), images, noise, *pair)


def weighed(flow: Flow, losses: Array) -> Array:
    """Weighs losses (n,) as the process does."""
    return losses if flow.process.weight is None else flow.process.weight(losses) * losses


def dropped(flow: Flow, batch: Batch, key: Array) -> Array | None:
    """Returns the condition of a batch, some of it dropped, so that the network knows images without one as well.

    (Ho & Salimans 2022, algorithm 1)
    """
    column = column_name(flow.condition)
    if not column:
        return None
    given = jnp.asarray(batch[column], jnp.int32)
    drop, nothing = jax.random.uniform(key, given.shape[:1]), jnp.asarray(absent(flow.condition))
    kept = jnp.where((drop < flow.null_probability).reshape(-1, *[1] * (given.ndim - 1)), nothing, given)
    if flow.condition.styles is None:
        return kept
    # As often the style alone is dropped, so that a class can be drawn in any style.
    return kept.at[:, 1].set(jnp.where(drop < 2 * flow.null_probability, NO_STYLE, kept[:, 1]))


def unconditional(flow: Flow, n: int) -> Array | None:
    """Returns n times what stands for no condition; None for a network that has none."""
    nothing = absent(flow.condition)
    return None if nothing is None else jnp.broadcast_to(jnp.asarray(nothing), (n, *nothing.shape))


def network_of(flow: Flow, params: Tree, condition: Array | None) -> Network:
    """Binds the module to parameters and a condition."""

    def network(images: Array, levels: Array, spans: Array | None = None) -> Array:
        further = {} if spans is None else {"spans": spans}
        return flow.module.apply({"params": params}, images, levels, condition, **further)

    return network


def field_of(flow: Flow, params: Tree, condition: Array | None) -> Field:
    """Returns dz/dt of all rows at one time."""
    network = network_of(flow, params, condition)
    return lambda z, time: flow.process.velocity(network, z, jnp.full(len(z), time))


def means_of(flow: Flow, params: Tree, condition: Array | None) -> Means:
    """Returns the mean of dz/dt of all rows from one time to another."""
    network, mean = network_of(flow, params, condition), flow.process.mean
    if mean is None:
        raise ValueError("this process has no mean velocities")
    return lambda z, time, following: mean(network, z, jnp.full(len(z), time), jnp.full(len(z), following))


def noise_of(flow: Flow, latents: Array) -> Array:
    """Returns latents (n, d) as the images of noise that a way begins at."""
    return flow.process.deviation * latents.reshape(-1, flow.size, flow.size, flow.channels)


def usual_solver(process: Process) -> str:
    """Returns the solver that images are drawn by unless another is chosen."""
    return "heun" if process.mean is None else MEAN


def carried(flow: Flow, field: Field, latents: Array, steps: int, solver: str) -> Array:
    """Carries latents (n, d) along a field to images (n, h, w, c), which may leave [-1, 1]."""
    return solve(field, noise_of(flow, latents), flow.process.schedule(steps), solver)


def drawn(flow: Flow, params: Tree, condition: Array | None, latents: Array, steps: int, solver: str) -> Array:
    """Carries latents (n, d) to images, which may leave [-1, 1], by one of SOLVERS, or by mean velocities: MEAN."""
    if solver != MEAN:
        return carried(flow, field_of(flow, params, condition), latents, steps, solver)
    return leap(means_of(flow, params, condition), noise_of(flow, latents), flow.process.schedule(steps))


def bounded(flow: Flow, images: Array) -> Array:
    """Keeps the values of images within their bound."""
    return jnp.clip(images, -flow.bound, flow.bound)


def inverted(flow: Flow, field: Field, images: Array, steps: int, solver: str) -> Array:
    """Carries images back to the latents (n, d) that make them, by the same field."""
    noise = solve(field, images, flow.process.schedule(steps)[::-1], solver) / flow.process.deviation
    return noise.reshape(len(images), flow.latent_size)


def _fresh(flow: Flow, key: Array, batch: Batch) -> Tree:
    images = jnp.zeros((1, flow.size, flow.size, flow.channels))
    return flow.module.init(key, images, jnp.zeros(1), unconditional(flow, 1))["params"]


def _draw(flow: Flow, key: Array, n: int) -> Array:
    return jax.random.normal(key, (n, flow.latent_size))


def _params(flow: Flow, networks: Networks, context: Networks) -> Tree:
    return flow.transfer.params(networks[NETWORK], context[NETWORK])


def _generate(
    flow: Flow, networks: Networks, context: Networks, latents: Array, condition: Array | None = None
) -> Array:
    given = unconditional(flow, len(latents)) if condition is None else condition
    params = _params(flow, networks, context)
    return bounded(flow, drawn(flow, params, given, latents, flow.preview_steps, usual_solver(flow.process)))


def _few_steps(
    flow: Flow, networks: Networks, context: Networks, latents: Array, condition: Array | None = None
) -> Array:
    """Makes images in a few Euler steps or leaps: what is in them is settled long before the last of more steps."""
    given = unconditional(flow, len(latents)) if condition is None else condition
    solver = MEAN if flow.process.mean is not None else "euler"
    return bounded(flow, drawn(flow, _params(flow, networks, context), given, latents, FEW, solver))


def _apart(condition: Condition, shots: Shots | None) -> Array | None:
    """Returns the condition of the samples that may copy: classes in the usual style; None of texts."""
    labels = labels_apart(len(condition.names), shots) if condition.kind == "class" else None
    if labels is None:
        return None
    return jnp.asarray(numbers_of(condition, [condition.names[label] for label in np.asarray(labels)]))


def _sample(flow: Flow, state: TrainState, key: Array, n: int, condition: Array | None = None) -> Array:
    return _generate(flow, state.average, state.context, _draw(flow, key, n), condition)


def _reconstruct(flow: Flow, networks: Networks, context: Networks, images: Array) -> Array:
    field = field_of(flow, _params(flow, networks, context), unconditional(flow, len(images)))
    steps = 2 * flow.preview_steps
    latents = inverted(flow, field, jnp.asarray(to_float(images)), steps, "heun")
    return bounded(flow, carried(flow, field, latents, steps, "heun"))


def _forward(flow: Flow, params: Tree, latents: Array) -> tuple[Array, tuple[Array, ...]]:
    """Makes images in a few Euler steps; returns them and what the network's blocks gave in the last of these."""
    given, times = unconditional(flow, len(latents)), flow.process.schedule(FEW)
    field = field_of(flow, params, given)
    z = noise_of(flow, latents)
    z = solve(field, z, times[:-1], "euler", unrolled=on_cpu())
    kept: list[Tree] = []

    def watched(images: Array, levels: Array) -> Array:
        made, found = flow.module.apply(
            {"params": params},
            images,
            levels,
            given,
            capture_intermediates=lambda part, _: (part.name or "").startswith(FEATURES),
            mutable=["intermediates"],
        )
        kept.append(found)
        return made

    last = jnp.full(len(z), times[-2], jnp.float32)
    images = z - float(times[-2]) * flow.process.velocity(watched, z, last)
    features = [leaf.reshape(len(latents), -1) for leaf in jax.tree.leaves(kept)]  # blocks have an axis for all tokens
    return bounded(flow, images), tuple(features)


def _fit(flow: Flow, networks: Networks, context: Networks, batch: Batch, key: Array) -> Array:
    """Returns the loss of each image (n,), a mean over levels of noise, none of their conditions dropped."""
    undropped, params = flow._replace(null_probability=0.0), _params(flow, networks, context)
    number = len(batch["image"])

    def at(level: Array) -> Array:
        quantiles = jnp.full(number, (level + 0.5) / FIT_LEVELS)
        keys = jax.random.split(jax.random.fold_in(key, level), 3)
        return losses_at(undropped, params, batch, quantiles, *keys)[1]

    return jax.lax.map(at, jnp.arange(FIT_LEVELS)).mean(axis=0)


def _evidence(flow: Flow, params: Networks, source: Networks, key: Array) -> Array:
    """Returns minus half the loss of a sample of the source, summed over its values, a mean over times: ()."""
    draw_key, class_key, loss_key = jax.random.split(key, 3)
    condition = unconditional(flow, 1)
    if flow.condition.kind == "class" and condition is not None:
        drawn_class = jax.random.randint(class_key, (1,), 0, len(flow.condition.names))
        condition = drawn_class if flow.condition.styles is None else condition.at[:, 0].set(drawn_class)
    field = field_of(flow, source[NETWORK], condition)
    image = bounded(flow, carried(flow, field, _draw(flow, draw_key, 1), EVIDENCE_STEPS, "heun"))
    many = jnp.repeat(image, EVIDENCE_TIMES, axis=0)
    given = None if condition is None else jnp.repeat(condition, EVIDENCE_TIMES, axis=0)
    time_key, noise_key = jax.random.split(loss_key)
    times = flow.process.times(spread_uniforms(time_key, EVIDENCE_TIMES))
    noise = jax.random.normal(noise_key, many.shape)
    losses = flow.process.loss(network_of(flow, params[NETWORK], given), many, noise, times)
    return -losses.mean() * flow.latent_size / 2
