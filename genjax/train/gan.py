"""The GAN learner: a generator and a critic, updated in turn. (Goodfellow et al. 2014)"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax import Array

from genjax.control import Controller, chain, check
from genjax.data.images import to_float
from genjax.losses.adversarial import AdversarialLoss
from genjax.losses.penalties import gradient_penalty, r1, r2
from genjax.train.state import (
    Batch,
    Learner,
    Metrics,
    Module,
    Networks,
    TrainState,
    describe,
    moving_average,
    start,
    update,
)
from genjax.transfer import Transfer, full
from genjax.tree import Tree

SIGNALS = ("real_sign", "real_logit", "fake_logit", "images")
KNOBS = ("augment_probability",)

Augment = Callable[[Array, Array, Array], Array]  # (key, images, probability) -> images
Logits = Callable[[Tree, Array, Array], Array]  # (critic's trainable, images, key) -> (n,)


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
) -> Learner:
    """A learner for these two modules.

    Args:
        generator: applied to latents (n, latent_size), gives images (n, h, w, c) in [-1, 1].
        critic: applied to images, gives logits (n,), high for real.
        latent_size: length of a latent vector.
        loss: what critic and generator minimise, from `genjax.losses.ADVERSARIAL`.
        optimizer: of the generator's trainable tree.
        critic_optimizer: of the critic's.
        augment: (key, images, probability) -> images, seen by the critic in both updates; None for none.
        controller: may read the signals SIGNALS and, where there is an augmentation, set the knobs KNOBS.
        r1_weight: gamma of R1 at real images; 0 is off.
        r2_weight: the same at generated images; 0 is off.
        gradient_penalty_weight: of WGAN-GP's penalty; 0 is off.
        critic_steps: critic updates in a step, each on a real batch of its own.
        ema_images: half-life of the generator's moving average; 0 is off.
        transfer: of the generator; None is `full()`.
        critic_transfer: of the critic; None is `full()`.
    Raises:
        InputError: the controller reads a signal or sets a knob that this learner does not have.
    """
    controller = controller or chain()
    check(controller, signals=SIGNALS, knobs=KNOBS if augment else ())
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

    def forward(params: Tree, latents: Array) -> tuple[Array, tuple[()]]:
        return generator.apply({"params": params}, latents), ()

    def critic_objective(tree: Tree, logits: Logits, real: Array, fake: Array, key: Array) -> tuple[Array, Metrics]:
        real_key, fake_key, between_key = jax.random.split(key, 3)
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
        parts |= {"logits/real": real_logits.mean(), "logits/fake": fake_logits.mean()}
        parts["logits/real_sign"] = jnp.sign(real_logits).mean()
        return total, parts

    def train_critic(
        tree: Tree, optimizer_state: Tree, logits: Logits, real: Array, fake: Array, key: Array
    ) -> tuple[Tree, Tree, Tree, Metrics]:
        gradients, metrics = jax.grad(critic_objective, has_aux=True)(tree, logits, real, fake, key)
        tree, optimizer_state = update(critic_optimizer, gradients, optimizer_state, tree)
        return tree, optimizer_state, gradients, metrics

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        key = jax.random.fold_in(state.key, state.step)
        latent_key, critic_key, penalty_key, generator_key = jax.random.split(key, 4)
        knobs = controller.knobs(state.control)
        images = jnp.asarray(to_float(batch["image"]))
        real = images.reshape(critic_steps, -1, *images.shape[1:])
        drawn = latents(latent_key, len(images)).reshape(critic_steps, -1, latent_size)
        critic_keys = jax.random.split(critic_key, critic_steps)
        made_by, read_by = state.trainable["generator"], state.trainable["critic"]
        context, critic_state = state.context["generator"], state.optimizer["critic"]

        def logits(tree: Tree, images: Array, key: Array) -> Array:
            if augment is not None:
                images = augment(key, images, knobs.get("augment_probability", jnp.zeros(())))
            return critic.apply({"params": transfers["critic"].params(tree, state.context["critic"])}, images)

        for turn in range(critic_steps - 1):
            fake = images_of(made_by, context, drawn[turn])
            read_by, critic_state, _, _ = train_critic(
                read_by, critic_state, logits, real[turn], fake, critic_keys[turn]
            )
        # In the last turn one forward pass of the generator serves the critic's update and its own.
        fake, pullback = jax.vjp(lambda tree: images_of(tree, context, drawn[-1]), made_by)
        read_by, critic_state, critic_gradients, metrics = train_critic(
            read_by, critic_state, logits, real[-1], fake, critic_keys[-1]
        )

        def generator_objective(fake: Array) -> Array:
            real_key, fake_key = jax.random.split(generator_key)
            return loss.generator(logits(read_by, real[-1], real_key), logits(read_by, fake, fake_key)).mean()

        metrics["loss/generator"], slope = jax.value_and_grad(generator_objective)(fake)
        metrics["penalty/transfer"], penalty_slope = jax.value_and_grad(transfers["generator"].penalty)(
            made_by, context, penalty_key, forward
        )
        generator_gradients = jax.tree.map(jnp.add, pullback(slope)[0], penalty_slope)
        made_by, generator_state = update(optimizer, generator_gradients, state.optimizer["generator"], made_by)
        average = moving_average(
            state.average["generator"], made_by, step=state.step, batch=len(images), half_life=ema_images
        )
        signals = {
            "real_sign": metrics["logits/real_sign"],
            "real_logit": metrics["logits/real"],
            "fake_logit": metrics["logits/fake"],
            "images": jnp.float32(len(images)),
        }
        trainable = {"generator": made_by, "critic": read_by}
        gradients = {"generator": generator_gradients, "critic": critic_gradients}
        state = dataclasses.replace(
            state,
            step=state.step + 1,
            trainable=trainable,
            average={"generator": average},
            optimizer={"generator": generator_state, "critic": critic_state},
            control=controller.update(signals, state.control),
        )
        return state, metrics | describe(gradients, trainable, knobs)

    def latents(key: Array, n: int) -> Array:
        return jax.random.normal(key, (n, latent_size))

    def generate(networks: Networks, context: Networks, latents: Array, condition: None = None) -> Array:
        return images_of(networks["generator"], context["generator"], latents)

    def sample(state: TrainState, key: Array, n: int, condition: None = None) -> Array:
        return generate(state.average, state.context, latents(key, n), condition)

    return Learner(
        init=init,
        step=step,
        latents=latents,
        generate=generate,
        sample=sample,
        reconstruct=None,
        transfers=transfers,
        batches_per_step=critic_steps,
    )
