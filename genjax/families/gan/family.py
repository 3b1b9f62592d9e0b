"""The family of GANs: a generator that makes images of latents, and a critic that trains it."""

import functools

import jax.numpy as jnp

from genjax.augment import AUGMENTATIONS
from genjax.control import Controllable, Setting, chain
from genjax.errors import lookup
from genjax.families.classes import new_rows, with_class_rows
from genjax.families.conditions import class_or_none, example_column
from genjax.families.family import Family, Stage, Trained, Training, all_columns, image_example, latent_preview
from genjax.families.gan.adam import adam
from genjax.families.gan.learner import KNOBS, NETWORKS, SIGNALS, make_gan
from genjax.families.gan.networks import GAN_NETWORKS, Shape
from genjax.families.gan.options import GanConfig, GanDrawing
from genjax.families.gan.parts import AUGMENT_KNOB
from genjax.families.gan.styles import drawn_by_styles, with_styles
from genjax.families.gan.techniques import Techniques
from genjax.families.learner import Learner
from genjax.families.model import Model, ModelConfig
from genjax.families.trained import trained_by_latents
from genjax.losses import ADVERSARIAL
from genjax.losses.adversarial import smoothed
from genjax.transfer import full
from genjax.transfer.auto import Rule
from genjax.transfer.transfer import Offer

MEASURED = Controllable("GAN", SIGNALS, (*KNOBS, AUGMENT_KNOB), NETWORKS)

TABLES = {"generator": ("class/embedding",), "critic": ("projection/embedding",)}


def build_gan(model: ModelConfig, how: Training) -> Learner:
    """Builds the learner of a model.

    Args:
        model: its networks and losses.
        how: settings of its training.
    Raises:
        InputError: controllers that do not fit.
    """
    gan: GanConfig = model.options
    classes = len(model.condition.names)
    network = lookup(GAN_NETWORKS, gan.network, "network")
    shape = Shape(
        *(model.size, model.channels, gan.width, gan.latent_size, jnp.dtype(model.dtype), classes, gan.batch_statistic)
    )
    beta2 = Setting("--gan.beta2", "the decay of Adam's second moment", gan.beta2)
    controller = how.controller(MEASURED._replace(settings={"beta2": beta2}))
    adam_of = functools.partial(adam, beta1=gan.beta1, beta2=gan.beta2)
    generator = network.generator(shape)
    learner = make_gan(
        generator,
        network.critic(shape),
        latent_size=gan.latent_size,
        loss=smoothed(ADVERSARIAL[gan.loss], gan.label_smoothing) if gan.label_smoothing else ADVERSARIAL[gan.loss],
        optimizer=adam_of(how.learning_rate_scale * gan.learning_rate),
        critic_optimizer=adam_of(how.learning_rate_scale * gan.critic_learning_rate, every=gan.penalty_every),
        augment=AUGMENTATIONS["ada"] if AUGMENT_KNOB in controller.sets else None,
        controller=controller,
        r1_weight=gan.r1_weight,
        r2_weight=gan.r2_weight,
        gradient_penalty_weight=gan.gradient_penalty_weight,
        dragan_weight=gan.dragan_weight,
        penalty_every=gan.penalty_every,
        critic_steps=gan.critic_steps,
        ema_images=gan.ema_images,
        transfer=how.transfers.get("generator", full()),
        critic_transfer=how.transfers.get("critic", full()),
        accumulate=how.accumulate,
        share=how.share,
        classes=classes,
        shots=how.shots,
        techniques=_techniques(gan),
        new_classes=model.condition.new,
    )
    return with_styles(learner, generator) if network.styles else learner


def _techniques(gan: GanConfig) -> Techniques:
    return Techniques(
        feature_matching=gan.feature_matching,
        consistency_real=gan.consistency_real,
        consistency_fake=gan.consistency_fake,
        latent_critic=gan.latent_consistency_critic,
        latent_generator=gan.latent_consistency_generator,
        latent_noise=gan.latent_noise,
        mixup=gan.mixup,
        historical_averaging=gan.historical_averaging,
    )


def _stages(model: ModelConfig, how: Training) -> tuple[Stage, ...]:
    learner, condition = build_gan(model, how), model.condition
    example, preview = {**image_example(model), **example_column(condition)}, latent_preview(learner, condition)
    return (Stage("gan", learner, how.steps, example, columns=all_columns(condition), preview=preview),)


def _offers(model: ModelConfig) -> dict[str, Offer]:
    return {
        "critic": Offer(
            published=False,
            freeze=GAN_NETWORKS[model.options.network].freeze,
            rows=new_rows(TABLES, "critic", model),
        ),
        "generator": Offer(
            latent_size=model.options.latent_size,
            features=True,
            evidence=True,
            rows=new_rows(TABLES, "generator", model),
        ),
    }


def _trained(model: Model) -> Trained:
    learner = build_gan(model.config, Training(model.transfers, control=chain()))
    return drawn_by_styles(trained_by_latents(model, learner), model, learner)


GAN = Family(
    name="gan",
    label="GAN",
    options=GanConfig,
    measured=MEASURED,
    offers=_offers,
    stage_networks=lambda model: {"gan": NETWORKS},
    stages=_stages,
    trained=_trained,
    condition=class_or_none,
    conditions=("none", "class"),
    begun=functools.partial(with_class_rows, TABLES),
    tables=TABLES,
    sampling=GanDrawing,
    functions=("draw_latents", "render"),
    # The benchmark cannot tell `freeze` from full fine-tuning in distance or diversity, and it trains fewer numbers.
    rules=lambda model: (Rule(None, "freeze"),),
    candidates=("full", "lora"),
    prefix="gan",
)
