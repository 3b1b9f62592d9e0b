"""The GAN learner: a generator and a critic, updated in turn. (Goodfellow et al. 2014, algorithm 1)"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from genjax.control import Controller, chain, check
from genjax.data.images import to_float
from genjax.errors import InputError
from genjax.families.accumulate import averaged, in_parts, keys_of_parts
from genjax.families.copies import Shots, labels_apart, measure_of
from genjax.families.gan.objectives import (
    Pairs,
    PenaltyWeights,
    critic_objective,
    generator_objective,
    pairs_of,
    penalty_objective,
)
from genjax.families.labels import labels_in_turn, labels_of, penalty_labels, random_labels, told
from genjax.families.learner import Batch, Latents, Learner, Metrics, Module, Networks, TrainState
from genjax.families.step import (
    FIXED,
    SHARED_KNOBS,
    SHARED_SIGNALS,
    Knobs,
    Share,
    Update,
    descend,
    either,
    finish_step,
    forward_with_features,
    network_knobs,
    network_signals,
    start,
    stay,
    update,
)
from genjax.losses.adversarial import AdversarialLoss
from genjax.transfer import Transfer, full
from genjax.transfer.transfer import no_penalty
from genjax.tree import Tree

NETWORKS = ("critic", "generator")
SIGNALS = (
    *("real_sign", "real_logit", "fake_logit", "real_accuracy", "fake_accuracy", "generator_updated", "copies"),
    *network_signals(*NETWORKS),
    *SHARED_SIGNALS,
)
KNOBS = (
    *("replace_probability", "lecam_weight", "lecam_real_anchor", "lecam_fake_anchor"),
    *("generator_turn", "critic_steps", "critic_rate", "generator_rate"),
    *("beta2", "penalty_scale", "average_scale"),
    *network_knobs(*NETWORKS),
    *SHARED_KNOBS,
)
AUGMENT_KNOB = "augment_probability"  # obeyed where there is an augmentation

Augment = Callable[[Array, Array, Array], Array]  # (key, images, probability) -> images


class Gan(NamedTuple):
    """The static parts of a GAN's learner; see the arguments of `make_gan`."""

    generator: Module
    critic: Module
    latent_size: int
    loss: AdversarialLoss
    optimizers: dict[str, optax.GradientTransformation]
    augment: Augment | None
    controller: Controller
    weights: PenaltyWeights
    penalty_every: int
    critic_steps: int
    ema_images: float
    transfers: dict[str, Transfer]
    accumulate: int
    share: Share
    classes: int
    shots: Shots | None


class Drawn(NamedTuple):
    """The inputs of a step, in parts: (critic steps, parts of a batch, n, ...).

    Attributes:
        real: images in [-1, 1].
        latents: of as many generated images.
        labels: of real and generated images, which are paired by class; None without classes.
        shared: images of the last turn's latents with the pullback to the generator, where a batch is one part: one
            forward pass serves the critic's last update and the generator's. Parts of a batch, which are not kept, are
            made again.
    """

    real: Array
    latents: Array
    labels: Array | None
    shared: tuple[Array, Callable[[Array], tuple[Tree]]] | None


def make_gan(
    generator: Module,
    critic: Module,
    *,
    latent_size: int,
    loss: AdversarialLoss,
    optimizer: optax.GradientTransformation,
    critic_optimizer: optax.GradientTransformation,
    augment: Augment | None = None,
    controller: Controller | None = None,
    r1_weight: float = 0.0,
    r2_weight: float = 0.0,
    gradient_penalty_weight: float = 0.0,
    penalty_every: int = 1,
    critic_steps: int = 1,
    ema_images: float = 10_000,
    transfer: Transfer | None = None,
    critic_transfer: Transfer | None = None,
    accumulate: int = 1,
    share: Share = stay,
    classes: int = 0,
    shots: Shots | None = None,
) -> Learner:
    """Makes the learner of these two modules.

    Args:
        generator: applied to latents (n, latent_size), gives images (n, h, w, c) in [-1, 1]. With classes both modules
            take `labels` (n,) as well.
        critic: applied to images, gives logits (n,), high for real.
        latent_size: length of a latent vector.
        loss: losses of critic and generator, from `genjax.losses.ADVERSARIAL`.
        optimizer: optimiser of the generator's trainable tree.
        critic_optimizer: optimiser of the critic's.
        augment: (key, images, probability) -> images, seen by the critic in both updates; None for none. Without a
            controller of its probability that is 1.
        controller: may read the signals SIGNALS and set the knobs KNOBS, and `augment_probability` where there is an
            augmentation.
        r1_weight: gamma of R1 at real images; 0 is off.
        r2_weight: gamma of R2 at generated images; 0 is off.
        gradient_penalty_weight: weight of WGAN-GP's penalty; 0 is off.
        penalty_every: updates of the critic for each of the penalties, k. Above 1 these have updates of their own, with
            k times the weight; the optimiser is to know of it, as `adam(every=k)` does.
        critic_steps: critic updates in a step, each on a real batch of its own.
        ema_images: half-life of the generator's moving average in images; 0 is off.
        transfer: of the generator; None is `full()`.
        critic_transfer: of the critic; None is `full()`.
        accumulate: parts of a batch that are computed one after the other.
        share: layout of what a step draws on the devices.
        classes: number of classes, which batches then have in `label`; 0 is without.
        shots: images that are not to be copied, where a controller reads `copies`; None where it does not.
    Raises:
        InputError: the controller reads a signal or sets a knob that this learner does not have, or the critic's
            transfer has a penalty, which nothing would add to its loss.
    """
    controller = controller or chain()
    check(controller, signals=SIGNALS, knobs=(*KNOBS, AUGMENT_KNOB) if augment else KNOBS)
    if critic_transfer is not None and critic_transfer.penalty is not no_penalty:
        raise InputError("the critic's transfer has a penalty, and the critic's loss takes none. Use one without.")
    gan = Gan(
        generator,
        critic,
        latent_size,
        loss,
        {"generator": optimizer, "critic": critic_optimizer},
        augment,
        controller,
        PenaltyWeights(r1_weight, r2_weight, gradient_penalty_weight),
        penalty_every,
        critic_steps,
        ema_images,
        {"generator": transfer or full(), "critic": critic_transfer or full()},
        accumulate,
        share,
        classes,
        shots,
    )
    return Learner(
        init=partial(_init, gan),
        step=partial(_step, gan),
        transfers=gan.transfers,
        controller=controller,
        sample=partial(_sample, gan),
        evidence=partial(_evidence, gan),
        batches_per_step=critic_steps,
        latents=Latents(partial(_draw, gan), partial(_generate, gan)),
        critic=partial(_judge, gan),
    )


def _init(gan: Gan, key: Array, batch: Batch, *, source: Networks | None = None) -> TrainState:
    generator_key, critic_key, start_key = jax.random.split(key, 3)
    of, images = told(labels_in_turn(gan.classes, 1)), jnp.asarray(to_float(batch["image"][:1]))
    fresh = {
        "generator": gan.generator.init(generator_key, jnp.zeros((1, gan.latent_size)), **of)["params"],
        "critic": gan.critic.init(critic_key, images, **of)["params"],
    }
    return start(
        start_key,
        fresh if source is None else source,
        expected=fresh,
        transfers=gan.transfers,
        optimizers=gan.optimizers,
        sampled=("generator",),
        control=gan.controller.init(),
    )


def _step(gan: Gan, state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
    """Takes one step, in the order of the paper: latents, critic, generator, average, controllers."""
    latent_key, critic_key, penalty_key, generator_key = jax.random.split(jax.random.fold_in(state.key, state.step), 4)
    knobs = gan.controller.knobs(state.control)
    drawn = _draw_step(gan, state, batch, latent_key)
    critic, metrics = _train_critic(gan, state, drawn, knobs, critic_key)

    # The generator minimises L_G under the new critic; in the steps in which it pauses the critic alone moves.
    train = partial(_train_generator, gan, state, critic.trainable, drawn, knobs, generator_key, penalty_key)
    pause = partial(_pause_generator, gan, state, critic.trainable, drawn, knobs, generator_key)
    turn = knobs.get("generator_turn", jnp.ones(()))
    generator, measured = either(turn > 0, train, pause) if "generator_turn" in knobs else train()

    metrics |= measured
    signals = {
        "real_sign": metrics["logits/real_sign"],
        "real_logit": metrics["logits/real"],
        "fake_logit": metrics["logits/fake"],
        "real_accuracy": metrics["logits/real_accuracy"],
        "fake_accuracy": metrics["logits/fake_accuracy"],
        "generator_updated": turn,
        # Of a step in which the generator paused nothing is known: 0 would pass for an unusually short gradient.
        "generator_gradient_norm": jnp.where(turn > 0, generator.gradient_norm, jnp.nan),
    }
    images = drawn.real.shape[0] * drawn.real.shape[1] * drawn.real.shape[2]
    return finish_step(
        state,
        {"critic": critic, "generator": generator},
        metrics,
        signals,
        knobs=knobs,
        controller=gan.controller,
        images=images,
        batch=images // gan.critic_steps,
        half_life=gan.ema_images,
        fixed_images=lambda trained, key: _generate(gan, trained, state.context, _draw(gan, key, FIXED)),
        copies=measure_of(
            gan.shots, partial(_draw, gan), partial(_generate, gan), labels_apart(gan.classes, gan.shots)
        ),
    )


def _draw_step(gan: Gan, state: TrainState, batch: Batch, key: Array) -> Drawn:
    """Prepares real images, latents and labels: each critic update has a batch of its own."""
    real = gan.share(in_parts(jnp.asarray(to_float(batch["image"])), 3, gan.critic_steps, gan.accumulate), 2)
    number = real.shape[0] * real.shape[1] * real.shape[2]
    latents = gan.share(_draw(gan, key, number).reshape(*real.shape[:3], gan.latent_size), 2)
    labels = labels_of(batch, gan.classes)
    if labels is not None:
        labels = gan.share(in_parts(labels, 0, gan.critic_steps, gan.accumulate), 2)
    if gan.accumulate > 1:
        return Drawn(real, latents, labels, None)
    shared = _make(gan, state, latents[-1, 0], None if labels is None else labels[-1, 0])
    return Drawn(real, latents, labels, shared)


def _make(
    gan: Gan, state: TrainState, latents: Array, labels: Array | None
) -> tuple[Array, Callable[[Array], tuple[Tree]]]:
    """Generates images; returns them with the function from their gradient to the generator's."""
    context = state.context["generator"]
    return jax.vjp(lambda tree: _images(gan, tree, context, latents, labels), state.trainable["generator"])


def _logits(
    gan: Gan, context: Tree, knobs: Knobs, tree: Tree, images: Array, key: Array, labels: Array | None = None
) -> Array:
    """Applies the critic to augmented images: (n,)."""
    if gan.augment is not None:
        images = gan.augment(key, images, knobs.get(AUGMENT_KNOB, jnp.ones(())))
    return gan.critic.apply({"params": gan.transfers["critic"].params(tree, context)}, images, **told(labels))


def _judge(gan: Gan, networks: Networks, context: Networks, batch: Batch) -> Array:
    """Applies the critic to the images of a batch as they are, without augmentation: (n,)."""
    images, labels = jnp.asarray(to_float(batch["image"])), labels_of(batch, gan.classes)
    plain = gan._replace(augment=None)
    return _logits(plain, context["critic"], {}, networks["critic"], images, jax.random.key(0), labels)


def _train_critic(gan: Gan, state: TrainState, drawn: Drawn, knobs: Knobs, key: Array) -> tuple[Update, Metrics]:
    """Takes `critic_steps` updates that minimise L_D; the metrics are those of the last."""
    logits = partial(_logits, gan, state.context["critic"], knobs)
    every = gan.penalty_every
    weights = gan.weights if every == 1 else PenaltyWeights()

    def pairs(last: bool, latents: Array, real: Array, labels: Array | None, key: Array) -> Pairs:
        shared, made_by = drawn.shared if last else None, state.trainable["generator"]
        fake = shared[0] if shared else _images(gan, made_by, state.context["generator"], latents, labels)
        return pairs_of(real, fake, key, knobs=knobs, labels=labels)

    def gradients_of(tree: Tree, last: bool, *batch: Any) -> tuple[Tree, Metrics]:
        seen = pairs(last, *batch)
        loss_of = lambda tree: critic_objective(  # noqa: E731
            partial(logits, tree), seen, loss=gan.loss, weights=weights, knobs=knobs
        )
        return jax.grad(loss_of, has_aux=True)(tree)

    def penalty_gradients_of(tree: Tree, last: bool, *batch: Any) -> tuple[Tree, Metrics]:
        seen = pairs(last, *batch)
        heavier = PenaltyWeights(*(every * weight for weight in gan.weights))
        loss_of = lambda tree: penalty_objective(partial(logits, tree), seen, weights=heavier, knobs=knobs)  # noqa: E731
        return jax.grad(loss_of, has_aux=True)(tree)

    def update_by(gradients_of: Callable[..., Any], before: Update, *batch: Any) -> tuple[Update, Metrics]:
        gradients, metrics = averaged(partial(gradients_of, before.trainable), gan.accumulate)(*batch)
        tree, moments = before.trainable, before.optimizer_state
        return update(gan.optimizers["critic"], gradients, moments, tree, knobs, "critic"), metrics

    done = Update(state.trainable["critic"], state.optimizer["critic"], jnp.zeros(()), jnp.bool_(True))
    metrics: Metrics = {}
    for turn, turn_key in enumerate(jax.random.split(key, gan.critic_steps)):
        last = turn == gan.critic_steps - 1
        labels = None if drawn.labels is None else drawn.labels[turn]
        batch = (drawn.latents[turn], drawn.real[turn], labels, keys_of_parts(turn_key, gan.accumulate))
        done, metrics = update_by(lambda tree, *part, last=last: gradients_of(tree, last, *part), done, *batch)
        if every > 1:
            penalised = partial(update_by, lambda tree, *part, last=last: penalty_gradients_of(tree, last, *part))
            due = (state.step * gan.critic_steps + turn + 1) % every == 0
            done, measured = _lazily(due, penalised, done, *batch)
            metrics |= measured
    return done, metrics


def _lazily(
    due: Array, penalised: Callable[..., tuple[Update, Metrics]], done: Update, *batch: Any
) -> tuple[Update, Metrics]:
    """Takes the update of the penalties where it is due; its gradient's norm is not that of the loss, which is kept.

    Of a step without it nothing is known of the penalties: they are NaN.
    """
    unknown = jax.tree.map(lambda leaf: jnp.full(leaf.shape, jnp.nan), jax.eval_shape(penalised, done, *batch)[1])
    after, measured = either(due, lambda: penalised(done, *batch), lambda: (done, unknown))
    return after._replace(gradient_norm=done.gradient_norm), measured


def _train_generator(
    gan: Gan, state: TrainState, critic: Tree, drawn: Drawn, knobs: Knobs, key: Array, penalty_key: Array
) -> tuple[Update, Metrics]:
    """Takes one update that minimises L_G and the transfer's penalty."""
    logits = partial(_logits, gan, state.context["critic"], knobs, critic)

    def gradients_of(latents: Array, real: Array, labels: Array | None, key: Array) -> tuple[Array, Tree]:
        fake, pullback = drawn.shared or _make(gan, state, latents, labels)
        loss_of = lambda fake: generator_objective(logits, fake, real, key, loss=gan.loss, labels=labels)  # noqa: E731
        value, slope = jax.value_and_grad(loss_of)(fake)
        return value, pullback(slope)[0]

    keys = keys_of_parts(key, gan.accumulate)
    value, gradients = averaged(gradients_of, gan.accumulate)(*_last(drawn), keys)
    done, measured = descend(
        gan.optimizers["generator"],
        gan.transfers["generator"],
        gradients,
        state,
        "generator",
        knobs=knobs,
        key=penalty_key,
        forward=partial(_forward, gan, penalty_key),
    )
    return done, {"loss/generator": value} | measured


def _pause_generator(
    gan: Gan, state: TrainState, critic: Tree, drawn: Drawn, knobs: Knobs, key: Array
) -> tuple[Update, Metrics]:
    """Leaves the generator as it is, and measures its loss."""
    logits = partial(_logits, gan, state.context["critic"], knobs, critic)
    made_by, context = state.trainable["generator"], state.context["generator"]

    def loss_of(latents: Array, real: Array, labels: Array | None, key: Array) -> Array:
        fake = drawn.shared[0] if drawn.shared else _images(gan, made_by, context, latents, labels)
        return generator_objective(logits, fake, real, key, loss=gan.loss, labels=labels)

    keys = keys_of_parts(key, gan.accumulate)
    value = averaged(loss_of, gan.accumulate)(*_last(drawn), keys)
    still = Update(made_by, state.optimizer["generator"], jnp.zeros(()), jnp.bool_(True))
    nothing = dict.fromkeys(("penalty/transfer", "gradient_norm/loss", "gradient_norm/penalty"), jnp.zeros(()))
    return still, {"loss/generator": value} | nothing


def _last(drawn: Drawn) -> tuple[Array, Array, Array | None]:
    """Returns latents, real images and labels of the critic's last turn, which the generator takes as well."""
    return drawn.latents[-1], drawn.real[-1], None if drawn.labels is None else drawn.labels[-1]


def _forward(gan: Gan, key: Array, params: Tree, latents: Array) -> tuple[Array, tuple[Array, ...]]:
    labels = penalty_labels(key, gan.classes, len(latents))
    return forward_with_features(gan.generator, params, latents, **told(labels))


def _draw(gan: Gan, key: Array, n: int) -> Array:
    return jax.random.normal(key, (n, gan.latent_size))


def _images(gan: Gan, tree: Tree, context: Tree, latents: Array, labels: Array | None) -> Array:
    """Generates images (n, h, w, c), the latents moved where the transfer moves them."""
    moved = gan.transfers["generator"].latents(tree, context, latents)
    return gan.generator.apply({"params": gan.transfers["generator"].params(tree, context)}, moved, **told(labels))


def _generate(gan: Gan, networks: Networks, context: Networks, latents: Array, condition: Array | None = None) -> Array:
    """Generates images of these labels, of all classes in turn where none are given."""
    labels = labels_in_turn(gan.classes, len(latents)) if condition is None else condition
    return _images(gan, networks["generator"], context["generator"], latents, labels)


def _sample(gan: Gan, state: TrainState, key: Array, n: int, condition: Array | None = None) -> Array:
    return _generate(gan, state.average, state.context, _draw(gan, key, n), condition)


def _evidence(gan: Gan, params: Networks, source: Networks, key: Array) -> Array:
    # log sigmoid D(G(z)): what the critic makes of a sample. (Li et al. 2020, section 4.2)
    of = told(random_labels(jax.random.fold_in(key, 1), gan.classes, 1))
    images = gan.generator.apply({"params": params["generator"]}, _draw(gan, key, 1), **of)
    return -jax.nn.softplus(-gan.critic.apply({"params": source["critic"]}, images, **of))[0]
