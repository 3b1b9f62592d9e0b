"""From configs to what trains: modules, losses, controllers, transfers and optimisers become one learner."""

import functools

import jax.numpy as jnp
import optax

from genjax.augment import AUGMENTATIONS
from genjax.config import AdaptConfig, ControlConfig, ModelConfig
from genjax.control import Controller
from genjax.errors import InputError, lookup
from genjax.losses import ADVERSARIAL
from genjax.models.dcgan import Critic, Generator
from genjax.models.vae import Vae
from genjax.train.controllers import NO_CONTROL, build_controller
from genjax.train.gan import make_gan
from genjax.train.recipes import build_transfers
from genjax.train.state import Learner
from genjax.train.vae import LIKELIHOODS, make_vae
from genjax.transfer import Transfer


def build_learner(
    model: ModelConfig,
    transfers: dict[str, Transfer],
    control: ControlConfig | Controller = NO_CONTROL,
    *,
    learning_rate_scale: float = 1.0,
) -> Learner:
    """The learner of this model.

    Args:
        model: its networks and losses.
        transfers: {network: its transfer}.
        control: which controllers it has while it trains, or the controller itself; none is enough to sample.
        learning_rate_scale: factor on the model's learning rates.
    Raises:
        InputError: an unknown loss or likelihood, or controllers that do not fit.
    """
    controller = (
        control if isinstance(control, Controller) else build_controller(control, model.family, model.vae.kl_weight)
    )
    build = _build_gan if model.family == "gan" else _build_vae
    return build(model, transfers, controller, jnp.dtype(model.dtype), learning_rate_scale)


def _build_gan(
    model: ModelConfig, transfers: dict[str, Transfer], controller: Controller, dtype: jnp.dtype, scale: float
) -> Learner:
    gan = model.gan
    adam = functools.partial(optax.adam, b1=gan.beta1, b2=gan.beta2)
    return make_gan(
        Generator(model.size, model.channels, gan.width, gan.latent_size, dtype),
        Critic(model.size, gan.width, dtype),
        latent_size=gan.latent_size,
        loss=lookup(ADVERSARIAL, gan.loss, "loss"),
        optimizer=adam(scale * gan.learning_rate),
        critic_optimizer=adam(scale * gan.critic_learning_rate),
        augment=AUGMENTATIONS["ada"] if "augment_probability" in controller.sets else None,
        controller=controller,
        r1_weight=gan.r1_weight,
        r2_weight=gan.r2_weight,
        gradient_penalty_weight=gan.gradient_penalty_weight,
        critic_steps=gan.critic_steps,
        ema_images=gan.ema_images,
        transfer=transfers["generator"],
        critic_transfer=transfers["critic"],
    )


def _build_vae(
    model: ModelConfig, transfers: dict[str, Transfer], controller: Controller, dtype: jnp.dtype, scale: float
) -> Learner:
    vae = model.vae
    if vae.likelihood == "optimal_gaussian" and "reconstruction_weight" in controller.sets:
        raise InputError(
            "--vae.likelihood optimal_gaussian sets its own scale, and --control.geco-tolerance and"
            " --control.optimal-sigma would set it again. Set them to 0."
        )
    return make_vae(
        Vae(model.size, model.channels, vae.width, vae.latent_size, dtype),
        latent_size=vae.latent_size,
        likelihood=lookup(LIKELIHOODS, vae.likelihood, "likelihood"),
        optimizer=optax.adam(scale * vae.learning_rate),
        controller=controller,
        kl_weight=vae.kl_weight,
        ema_images=vae.ema_images,
        transfer=transfers["vae"],
    )


def check_names(model: ModelConfig, config: AdaptConfig | None = None) -> None:
    """Raises InputError for an unknown loss, likelihood or transfer, before anything is loaded."""
    lookup(ADVERSARIAL, model.gan.loss, "loss")
    lookup(LIKELIHOODS, model.vae.likelihood, "likelihood")
    build_transfers(config, model)
