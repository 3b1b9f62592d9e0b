"""The GAN learner: a generator and a critic, updated in turn. (Goodfellow et al. 2014)"""

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import optax
from jax import Array

from genjax.control import Controller, chain, check
from genjax.data.images import to_float
from genjax.devices.sharding import Share, stay
from genjax.errors import InputError
from genjax.families.accumulate import averaged
from genjax.families.learner import (
    FIXED,
    FIXED_LATENTS,
    SHARED_KNOBS,
    SHARED_SIGNALS,
    Batch,
    Learner,
    Metrics,
    Module,
    Networks,
    TrainState,
    Update,
    all_finite,
    describe,
    forward_with_features,
    global_norm,
    moving_average,
    spread,
    start,
    update,
)
from genjax.losses.adversarial import AdversarialLoss
from genjax.losses.lecam import lecam
from genjax.losses.penalties import gradient_penalty, r1, r2
from genjax.transfer import Transfer, full
from genjax.transfer.transfer import no_penalty
from genjax.tree import Tree

SIGNALS = (
    *("real_sign", "real_logit", "fake_logit", "real_accuracy", "fake_accuracy", "generator_updated"),
    *("generator_gradient_norm", "critic_gradient_norm"),
    *SHARED_SIGNALS,
)
KNOBS = (
    *("replace_probability", "lecam_weight", "lecam_real_anchor", "lecam_fake_anchor"),
    *("generator_turn", "critic_steps"),
    *("critic_rate", "critic_gradient_limit", "critic_gradient_skip"),
    *("generator_rate", "generator_gradient_limit", "generator_gradient_skip"),
    *SHARED_KNOBS,
)

Augment = Callable[[Array, Array, Array], Array]  # (key, images, probability) -> images
Logits = Callable[[Tree, Array, Array], Array]  # (critic's trainable, images, key) -> (n,)
Knobs = Mapping[str, Array]


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
    critic_steps: int = 1,
    ema_images: float = 10_000,
    transfer: Transfer | None = None,
    critic_transfer: Transfer | None = None,
    accumulate: int = 1,
    share: Share = stay,
) -> Learner:
    """A learner for these two modules.

    Args:
        generator: applied to latents (n, latent_size), gives images (n, h, w, c) in [-1, 1].
        critic: applied to images, gives logits (n,), high for real.
        latent_size: length of a latent vector.
        loss: what critic and generator minimise, from `genjax.losses.ADVERSARIAL`.
        optimizer: of the generator's trainable tree.
        critic_optimizer: of the critic's.
        augment: (key, images, probability) -> images, seen by the critic in both updates; None for none. Without a
            controller of its probability that is 1.
        controller: may read the signals SIGNALS and set the knobs KNOBS, and `augment_probability` where there is an
            augmentation.
        r1_weight: gamma of R1 at real images; 0 is off.
        r2_weight: the same at generated images; 0 is off.
        gradient_penalty_weight: of WGAN-GP's penalty; 0 is off.
        critic_steps: critic updates in a step, each on a real batch of its own.
        ema_images: half-life of the generator's moving average; 0 is off.
        transfer: of the generator; None is `full()`.
        critic_transfer: of the critic; None is `full()`.
        accumulate: parts of a batch that are computed one after the other.
        share: how what a step draws lies on the devices.
    Raises:
        InputError: the controller reads a signal or sets a knob that this learner does not have, or the critic's
            transfer has a penalty, which nothing would add to its loss.
    """
    controller = controller or chain()
    check(controller, signals=SIGNALS, knobs=(*KNOBS, "augment_probability") if augment else KNOBS)
    if critic_transfer is not None and critic_transfer.penalty is not no_penalty:
        raise InputError("the critic's transfer has a penalty, and the critic's loss takes none. Use one without.")
    transfers = {"generator": transfer or full(), "critic": critic_transfer or full()}
    optimizers = {"generator": optimizer, "critic": critic_optimizer}

    def init(key: Array, batch: Batch, *, source: Networks | None = None) -> TrainState:
        generator_key, critic_key, start_key = jax.random.split(key, 3)
        fresh = {
            "generator": generator.init(generator_key, jnp.zeros((1, latent_size)))["params"],
            "critic": critic.init(critic_key, jnp.asarray(to_float(batch["image"][:1])))["params"],
        }
        return start(
            start_key,
            fresh if source is None else source,
            expected=fresh,
            transfers=transfers,
            optimizers=optimizers,
            sampled=("generator",),
            control=controller.init(),
        )

    def images_of(tree: Tree, context: Tree, latents: Array) -> Array:
        moved = transfers["generator"].latents(tree, context, latents)
        return generator.apply({"params": transfers["generator"].params(tree, context)}, moved)

    def forward(params: Tree, latents: Array) -> tuple[Array, tuple[Array, ...]]:
        return forward_with_features(generator, params, latents)

    def critic_objective(
        tree: Tree, logits: Logits, real: Array, fake: Array, key: Array, knobs: Knobs
    ) -> tuple[Array, Metrics]:
        real_key, fake_key, between_key, replace_key = jax.random.split(key, 4)
        if "replace_probability" in knobs:
            replaced = jax.random.bernoulli(replace_key, knobs["replace_probability"], (len(real), 1, 1, 1))
            # Others than those of the same pair: an image beside itself teaches a relativistic critic nothing.
            real = jnp.where(replaced, jnp.roll(fake, 1, axis=0), real)
        real_logits, fake_logits = logits(tree, real, real_key), logits(tree, fake, fake_key)
        parts = {"loss/critic": loss.critic(real_logits, fake_logits).mean()}
        total = parts["loss/critic"]
        if r1_weight:  # off costs nothing: the weights are Python numbers
            parts["penalty/r1"] = r1(lambda images: logits(tree, images, real_key), real).mean()
            total += r1_weight * parts["penalty/r1"]
        if r2_weight:
            parts["penalty/r2"] = r2(lambda images: logits(tree, images, fake_key), fake).mean()
            total += r2_weight * parts["penalty/r2"]
        if gradient_penalty_weight:
            at_real = lambda images: logits(tree, images, real_key)  # noqa: E731
            parts["penalty/gradient"] = gradient_penalty(at_real, real, fake, between_key).mean()
            total += gradient_penalty_weight * parts["penalty/gradient"]
        if "lecam_weight" in knobs:
            anchors = {"real_anchor": knobs["lecam_real_anchor"], "fake_anchor": knobs["lecam_fake_anchor"]}
            parts["penalty/lecam"] = lecam(real_logits, fake_logits, **anchors).mean()
            total += knobs["lecam_weight"] * parts["penalty/lecam"]
        middle = (real_logits.mean() + fake_logits.mean()) / 2 if loss.boundary is None else loss.boundary
        return total, parts | {
            "logits/real": real_logits.mean(),
            "logits/fake": fake_logits.mean(),
            "logits/real_sign": jnp.sign(real_logits - middle).mean(),
            "logits/real_accuracy": (real_logits > middle).mean(),
            "logits/fake_accuracy": (fake_logits < middle).mean(),
        }

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        key = jax.random.fold_in(state.key, state.step)
        latent_key, critic_key, penalty_key, generator_key = jax.random.split(key, 4)
        knobs = controller.knobs(state.control)
        images = jnp.asarray(to_float(batch["image"]))
        real = share(images.reshape(critic_steps, accumulate, -1, *images.shape[-3:]), 2)
        number = real.shape[0] * real.shape[1] * real.shape[2]
        drawn = share(latents(latent_key, number).reshape(*real.shape[:3], latent_size), 2)
        critic_keys = jax.random.split(critic_key, critic_steps)
        made_by, context = state.trainable["generator"], state.context["generator"]

        def logits(tree: Tree, images: Array, key: Array) -> Array:
            if augment is not None:
                images = augment(key, images, knobs.get("augment_probability", jnp.ones(())))
            return critic.apply({"params": transfers["critic"].params(tree, state.context["critic"])}, images)

        def make(latents: Array) -> tuple[Array, Callable[[Array], tuple[Tree]]]:
            return jax.vjp(lambda tree: images_of(tree, context, latents), made_by)

        # In the last turn one forward pass of the generator serves the critic's update and its own; parts of a batch,
        # which are not kept, are made again.
        made = make(drawn[-1, 0]) if accumulate == 1 else None

        def train_critic(before: Update, turn: int) -> tuple[Update, Metrics]:
            tree, last = before.trainable, turn == critic_steps - 1

            def gradients_of(latents: Array, real: Array, key: Array) -> tuple[Tree, Metrics]:
                fake = made[0] if made and last else images_of(made_by, context, latents)
                return jax.grad(critic_objective, has_aux=True)(tree, logits, real, fake, key, knobs)

            keys = _keys(critic_keys[turn], accumulate)
            gradients, metrics = averaged(gradients_of, accumulate)(drawn[turn], real[turn], keys)
            return update(critic_optimizer, gradients, before.optimizer_state, tree, knobs, "critic"), metrics

        critic_update = Update(state.trainable["critic"], state.optimizer["critic"], jnp.zeros(()), jnp.bool_(True))
        metrics: Metrics = {}
        for turn in range(critic_steps):
            critic_update, metrics = train_critic(critic_update, turn)

        def generator_objective(fake: Array, real: Array, key: Array) -> Array:
            real_key, fake_key = jax.random.split(key)
            read_by = critic_update.trainable
            return loss.generator(logits(read_by, real, real_key), logits(read_by, fake, fake_key)).mean()

        def generator_gradients(latents: Array, real: Array, key: Array) -> tuple[Array, Tree]:
            fake, pullback = made or make(latents)
            value, slope = jax.value_and_grad(generator_objective)(fake, real, key)
            return value, pullback(slope)[0]

        def generator_loss(latents: Array, real: Array, key: Array) -> Array:
            return generator_objective(made[0] if made else images_of(made_by, context, latents), real, key)

        parts = drawn[-1], real[-1], _keys(generator_key, accumulate)

        def train_generator() -> tuple[Update, Metrics]:
            value, gradients = averaged(generator_gradients, accumulate)(*parts)
            penalty, penalty_gradients = jax.value_and_grad(transfers["generator"].penalty)(
                made_by, context, penalty_key, forward
            )
            weight = knobs.get("transfer_weight", jnp.ones(()))
            total = jax.tree.map(lambda first, second: first + weight * second, gradients, penalty_gradients)
            done = update(optimizer, total, state.optimizer["generator"], made_by, knobs, "generator")
            return done, {
                "loss/generator": value,
                "penalty/transfer": penalty,
                "gradient_norm/loss": global_norm(gradients),
                "gradient_norm/penalty": global_norm(penalty_gradients),
            }

        def pause() -> tuple[Update, Metrics]:
            zero = jnp.zeros(())
            still = Update(made_by, state.optimizer["generator"], zero, jnp.bool_(True))
            norms = {"gradient_norm/loss": zero, "gradient_norm/penalty": zero}
            value = averaged(generator_loss, accumulate)(*parts)
            return still, {"loss/generator": value, "penalty/transfer": zero, **norms}

        turn = knobs.get("generator_turn", jnp.ones(()))
        if "generator_turn" in knobs:  # in the other steps the critic alone moves
            generator_update, generator_metrics = jax.lax.cond(turn > 0, train_generator, pause)
        else:
            generator_update, generator_metrics = train_generator()
        average = moving_average(
            state.average["generator"],
            generator_update.trainable,
            step=state.step,
            batch=number // critic_steps,
            half_life=ema_images,
        )
        metrics |= generator_metrics
        updates = {"critic": critic_update, "generator": generator_update}
        signals = {
            "real_sign": metrics["logits/real_sign"],
            "real_logit": metrics["logits/real"],
            "fake_logit": metrics["logits/fake"],
            "real_accuracy": metrics["logits/real_accuracy"],
            "fake_accuracy": metrics["logits/fake_accuracy"],
            "generator_updated": turn,
            "critic_gradient_norm": critic_update.gradient_norm,
            # Of a step in which the generator paused nothing is known: 0 would pass for an unusually short gradient.
            "generator_gradient_norm": jnp.where(turn > 0, generator_update.gradient_norm, jnp.nan),
            "loss_gradient_norm": metrics["gradient_norm/loss"],
            "penalty_gradient_norm": metrics["gradient_norm/penalty"],
            "images": jnp.float32(number),
            "finite": all_finite(metrics, updates),
        }
        if "diversity" in controller.reads:
            fixed = latents(jax.random.fold_in(state.key, FIXED_LATENTS), FIXED)
            metrics["diversity"] = signals["diversity"] = spread(images_of(generator_update.trainable, context, fixed))
        state = dataclasses.replace(
            state,
            step=state.step + 1,
            trainable={network: done.trainable for network, done in updates.items()},
            average={"generator": average},
            optimizer={network: done.optimizer_state for network, done in updates.items()},
            control=controller.update(signals, state.control),
        )
        return state, metrics | describe(updates, knobs)

    def latents(key: Array, n: int) -> Array:
        return jax.random.normal(key, (n, latent_size))

    def generate(networks: Networks, context: Networks, latents: Array, condition: None = None) -> Array:
        return images_of(networks["generator"], context["generator"], latents)

    def sample(state: TrainState, key: Array, n: int, condition: None = None) -> Array:
        return generate(state.average, state.context, latents(key, n), condition)

    def evidence(params: Networks, source: Networks, key: Array) -> Array:
        images, _ = forward(params["generator"], latents(key, 1))
        return -jax.nn.softplus(-critic.apply({"params": source["critic"]}, images))[0]

    return Learner(
        init=init,
        step=step,
        latents=latents,
        generate=generate,
        sample=sample,
        reconstruct=None,
        transfers=transfers,
        evidence=evidence,
        controller=controller,
        batches_per_step=critic_steps,
    )


def _keys(key: Array, parts: int) -> Array:
    """A key for each part; a batch in one part keeps its own."""
    return key[None] if parts == 1 else jax.random.split(key, parts)
