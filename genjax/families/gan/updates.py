"""The updates of a GAN's step: the critic's, with its penalties, and the generator's. (Goodfellow et al. 2014)"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from genjax.families.accumulate import averaged, keys_of_parts
from genjax.families.gan.objectives import PenaltyWeights, critic_objective, generator_objective, penalty_objective
from genjax.families.gan.pairs import pairs_of
from genjax.families.gan.parts import Drawn, Gan, features_of, images_of, images_with_pullback, logits_of, near_of
from genjax.families.labels import penalty_labels, told
from genjax.families.learner import Metrics, TrainState
from genjax.families.step import Knobs, Update, descend, either, forward_with_features, update
from genjax.losses.improved_gan import historical_average
from genjax.tree import Tree


def train_critic(gan: Gan, state: TrainState, drawn: Drawn, knobs: Knobs, key: Array) -> tuple[Update, Metrics]:
    """Takes `critic_steps` updates that minimise L_D; the metrics are those of the last.

    Lazy penalties have updates of their own, after every k-th of these, with k times the weight. (Karras et al. 2020,
    appendix B)
    """
    judge, every = partial(logits_of, gan, state.context["critic"], knobs), gan.penalty_every
    weights = gan.weights if every == 1 else PenaltyWeights()
    whole = partial(critic_objective, loss=gan.loss, weights=weights, knobs=knobs, techniques=gan.techniques)
    heavier = PenaltyWeights(*(every * weight for weight in gan.weights))
    penalties = partial(penalty_objective, weights=heavier, knobs=knobs)

    def updated(objective: Callable[..., tuple[Array, Metrics]], before: Update, turn: int) -> tuple[Update, Metrics]:
        tree, shared = before.trainable, drawn.shared if turn == gan.critic_steps - 1 else None

        def gradients_of(latents: Array, real: Array, labels: Array | None, key: Array) -> tuple[Tree, Metrics]:
            made_by, context = state.trainable["generator"], state.context["generator"]
            fake = shared[0] if shared else images_of(gan, made_by, context, latents, labels)
            pairs = pairs_of(real, fake, key, knobs=knobs, labels=labels)
            if gan.techniques.latent_critic:
                pairs = pairs._replace(near=images_of(gan, made_by, context, near_of(gan, key, latents), labels))
            return jax.grad(lambda tree: objective(partial(judge, tree), pairs), has_aux=True)(tree)

        keys = keys_of_parts(turn_keys[turn], gan.accumulate)
        gradients, metrics = averaged(gradients_of, gan.accumulate)(*of_turn(drawn, turn), keys)
        return update(gan.optimizers["critic"], gradients, before.optimizer_state, tree, knobs, "critic"), metrics

    turn_keys = jax.random.split(key, gan.critic_steps)
    done = Update(state.trainable["critic"], state.optimizer["critic"], jnp.zeros(()), jnp.bool_(True))
    metrics: Metrics = {}
    for turn in range(gan.critic_steps):
        done, metrics = updated(whole, done, turn)
        if every > 1:
            due = (state.step * gan.critic_steps + turn + 1) % every == 0
            done, measured = lazily(due, partial(updated, penalties, done, turn), done)
            metrics |= measured
    return done, metrics


def lazily(due: Array, penalised: Callable[[], tuple[Update, Metrics]], done: Update) -> tuple[Update, Metrics]:
    """Takes the update of the penalties where it is due, after that of the loss.

    The gradient's norm stays that of the loss, which controllers know, unless that of the penalties is not finite. Of a
    step without penalties nothing is known of them: they are NaN.
    """
    unknown = jax.tree.map(lambda leaf: jnp.full(leaf.shape, jnp.nan), jax.eval_shape(penalised)[1])
    after, measured = either(due, penalised, lambda: (done, unknown))
    sound = jnp.isfinite(after.gradient_norm)
    return after._replace(gradient_norm=jnp.where(sound, done.gradient_norm, after.gradient_norm)), measured


def train_generator(
    gan: Gan, state: TrainState, critic: Tree, drawn: Drawn, knobs: Knobs, key: Array, penalty_key: Array
) -> tuple[Update, Metrics]:
    """Takes one update that minimises L_G and the transfer's penalty."""
    objective = _objective_of(gan, state, critic, knobs)

    def gradients_of(latents: Array, real: Array, labels: Array | None, key: Array) -> tuple[Metrics, Tree]:
        made = [drawn.shared or images_with_pullback(gan, state, latents, labels)]
        if gan.techniques.latent_generator:
            made.append(images_with_pullback(gan, state, near_of(gan, key, latents), labels))
        loss_of = lambda images: objective(*images, real=real, key=key, labels=labels)  # noqa: E731
        slopes, parts = jax.grad(loss_of, has_aux=True)([images for images, _ in made])
        gradients = [pullback(slope)[0] for (_, pullback), slope in zip(made, slopes, strict=True)]
        return parts, jax.tree.map(lambda *leaves: sum(leaves[1:], start=leaves[0]), *gradients)

    keys = keys_of_parts(key, gan.accumulate)
    parts, gradients = averaged(gradients_of, gan.accumulate)(*of_turn(drawn, -1), keys)
    if gan.techniques.historical_averaging:
        pulled = jax.grad(_historical)(state.trainable["generator"], gan, state)
        gradients = jax.tree.map(jnp.add, gradients, pulled)
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
    return done, parts | measured


def pause_generator(
    gan: Gan, state: TrainState, critic: Tree, drawn: Drawn, knobs: Knobs, key: Array
) -> tuple[Update, Metrics]:
    """Leaves the generator as it is, and measures its loss."""
    objective = _objective_of(gan, state, critic, knobs)
    made_by, context = state.trainable["generator"], state.context["generator"]

    def parts_of(latents: Array, real: Array, labels: Array | None, key: Array) -> Metrics:
        images = [drawn.shared[0] if drawn.shared else images_of(gan, made_by, context, latents, labels)]
        if gan.techniques.latent_generator:
            images.append(images_of(gan, made_by, context, near_of(gan, key, latents), labels))
        return objective(*images, real=real, key=key, labels=labels)[1]

    keys = keys_of_parts(key, gan.accumulate)
    parts = averaged(parts_of, gan.accumulate)(*of_turn(drawn, -1), keys)
    still = Update(made_by, state.optimizer["generator"], jnp.zeros(()), jnp.bool_(True))
    nothing = dict.fromkeys(("penalty/transfer", "gradient_norm/loss", "gradient_norm/penalty"), jnp.zeros(()))
    return still, parts | nothing


def _objective_of(gan: Gan, state: TrainState, critic: Tree, knobs: Knobs) -> Callable[..., tuple[Array, Metrics]]:
    """Returns (images, those of near latents, *, real, key, labels) -> the generator's loss and its parts."""
    context = state.context["critic"]
    judge, features = (partial(of, gan, context, knobs, critic) for of in (logits_of, features_of))

    def objective(fake: Array, near: Array | None = None, **others: Array | None) -> tuple[Array, Metrics]:
        settings = {"loss": gan.loss, "knobs": knobs, "techniques": gan.techniques, "features": features}
        return generator_objective(judge, fake, near=near, **others, **settings)

    return objective


def _historical(tree: Tree, gan: Gan, state: TrainState) -> Array:
    return gan.techniques.historical_averaging * historical_average(tree, state.average["generator"])


def of_turn(drawn: Drawn, turn: int) -> tuple[Array, Array, Array | None]:
    """Returns latents, real images and labels of a turn of the critic; the generator takes those of the last, -1."""
    return drawn.latents[turn], drawn.real[turn], None if drawn.labels is None else drawn.labels[turn]


def _forward(gan: Gan, key: Array, params: Tree, latents: Array) -> tuple[Array, tuple[Array, ...]]:
    labels = penalty_labels(key, gan.classes - gan.new_classes, len(latents))
    return forward_with_features(gan.generator, params, latents, **told(labels))
