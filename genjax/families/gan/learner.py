"""The GAN learner: a generator and a critic, updated in turn. (Goodfellow et al. 2014, algorithm 1)"""

from functools import partial

import jax
import jax.numpy as jnp
import optax
from jax import Array

from genjax.control import Controller, chain, check
from genjax.data.images import to_float
from genjax.errors import InputError
from genjax.families.copies import Shots, labels_apart, measure_of
from genjax.families.gan.objectives import PenaltyWeights
from genjax.families.gan.parts import AUGMENT_KNOB, Augment, Gan, draw_latents, draw_step, images_of, logits_of
from genjax.families.gan.techniques import OFF, Techniques
from genjax.families.gan.updates import pause_generator, train_critic, train_generator
from genjax.families.labels import labels_in_turn, labels_of, random_labels, told
from genjax.families.learner import Batch, Latents, Learner, Metrics, Module, Networks, TrainState
from genjax.families.step import (
    FIXED,
    SHARED_KNOBS,
    SHARED_SIGNALS,
    Share,
    either,
    finish_step,
    network_knobs,
    network_signals,
    start,
    stay,
)
from genjax.losses.adversarial import AdversarialLoss
from genjax.transfer import Transfer, full
from genjax.transfer.transfer import no_penalty

NETWORKS = ("critic", "generator")
SIGNALS = (
    *("real_sign", "real_logit", "fake_logit", "real_accuracy", "fake_accuracy", "generator_updated", "copies"),
    *network_signals(*NETWORKS),
    *SHARED_SIGNALS,
)
KNOBS = (
    *("replace_probability", "lecam_weight", "lecam_real_anchor", "lecam_fake_anchor"),
    *("generator_turn", "critic_steps", "critic_rate", "generator_rate"),
    *("beta2", "penalty_scale", "average_scale", "top_fraction"),
    *network_knobs(*NETWORKS),
    *SHARED_KNOBS,
)


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
    dragan_weight: float = 0.0,
    penalty_every: int = 1,
    critic_steps: int = 1,
    ema_images: float = 10_000,
    transfer: Transfer | None = None,
    critic_transfer: Transfer | None = None,
    accumulate: int = 1,
    share: Share = stay,
    classes: int = 0,
    shots: Shots | None = None,
    techniques: Techniques = OFF,
    new_classes: int = 0,
) -> Learner:
    """Makes the learner of these two modules.

    Args:
        generator: applied to latents (n, latent_size), gives images (n, h, w, c), of which [-1, 1] is seen. With
            classes both modules take `labels` (n,) as well.
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
        dragan_weight: weight of DRAGAN's penalty; 0 is off.
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
        techniques: what else the losses have in them.
        new_classes: how many of the last classes the source of an adaptation does not know.
    Raises:
        InputError: the controller reads a signal or sets a knob that this learner does not have, or the critic's
            transfer has a penalty, which nothing would add to its loss, or MixUp of images would not know its labels.
    """
    controller = controller or chain()
    check(controller, signals=SIGNALS, knobs=(*KNOBS, AUGMENT_KNOB) if augment else KNOBS)
    if critic_transfer is not None and critic_transfer.penalty is not no_penalty:
        raise InputError("the critic's transfer has a penalty, and the critic's loss takes none. Use one without.")
    if techniques.mixup and classes and "replace_probability" in controller.sets:
        raise InputError("MixUp of classes needs both images of a pair to be of one, and APA replaces some. Use one.")
    gan = Gan(
        generator,
        critic,
        latent_size,
        loss,
        {"generator": optimizer, "critic": critic_optimizer},
        augment,
        controller,
        PenaltyWeights(r1_weight, r2_weight, gradient_penalty_weight, dragan_weight),
        penalty_every,
        critic_steps,
        ema_images,
        {"generator": transfer or full(), "critic": critic_transfer or full()},
        accumulate,
        share,
        classes,
        shots,
        techniques,
        new_classes,
    )
    return Learner(
        init=partial(_init, gan),
        step=partial(_step, gan),
        transfers=gan.transfers,
        controller=controller,
        sample=partial(_sample, gan),
        evidence=partial(_evidence, gan),
        batches_per_step=critic_steps,
        latents=Latents(partial(draw_latents, gan), partial(_generate, gan)),
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
    drawn = draw_step(gan, state, batch, latent_key)
    critic, metrics = train_critic(gan, state, drawn, knobs, critic_key)

    # The generator minimises L_G under the new critic; in the steps in which it pauses the critic alone moves.
    train = partial(train_generator, gan, state, critic.trainable, drawn, knobs, generator_key, penalty_key)
    pause = partial(pause_generator, gan, state, critic.trainable, drawn, knobs, generator_key)
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
        fixed_images=lambda trained, key: _generate(gan, trained, state.context, draw_latents(gan, key, FIXED)),
        copies=measure_of(
            gan.shots, partial(draw_latents, gan), partial(_generate, gan), labels_apart(gan.classes, gan.shots)
        ),
    )


def _judge(gan: Gan, networks: Networks, context: Networks, batch: Batch) -> Array:
    """Applies the critic to the images of a batch as they are, without augmentation: (n,)."""
    images, labels = jnp.asarray(to_float(batch["image"])), labels_of(batch, gan.classes)
    plain = gan._replace(augment=None)
    return logits_of(plain, context["critic"], {}, networks["critic"], images, jax.random.key(0), labels)


def _generate(gan: Gan, networks: Networks, context: Networks, latents: Array, condition: Array | None = None) -> Array:
    """Generates images of these labels, of all classes in turn where none are given."""
    labels = labels_in_turn(gan.classes, len(latents)) if condition is None else condition
    return images_of(gan, networks["generator"], context["generator"], latents, labels)


def _sample(gan: Gan, state: TrainState, key: Array, n: int, condition: Array | None = None) -> Array:
    return _generate(gan, state.average, state.context, draw_latents(gan, key, n), condition)


def _evidence(gan: Gan, params: Networks, source: Networks, key: Array) -> Array:
    # log sigmoid D(G(z)): what the critic makes of a sample. (Li et al. 2020, section 4.2)
    of = told(random_labels(jax.random.fold_in(key, 1), gan.classes, 1))
    images = gan.generator.apply({"params": params["generator"]}, draw_latents(gan, key, 1), **of)
    return -jax.nn.softplus(-gan.critic.apply({"params": source["critic"]}, images, **of))[0]
