"""From configs to what trains: modules, losses, controllers, transfers and optimisers become one learner."""

import functools
from typing import Any

import jax.numpy as jnp
import optax

from genjax.augment import AUGMENTATIONS
from genjax.config import AdaptConfig, ControlConfig, ModelConfig
from genjax.control import Controller
from genjax.control.registry import NO_CONTROL, build_controller
from genjax.devices.sharding import Share, stay
from genjax.errors import InputError, lookup
from genjax.families.gan import make_gan
from genjax.families.learner import Learner
from genjax.families.recipes import build_transfers
from genjax.families.vae import LIKELIHOODS, make_vae
from genjax.losses import ADVERSARIAL
from genjax.models.dcgan import Critic, Generator
from genjax.models.vae import Vae
from genjax.transfer import Transfer


def build_learner(
    model: ModelConfig,
    transfers: dict[str, Transfer],
    control: ControlConfig | Controller = NO_CONTROL,
    *,
    learning_rate_scale: float = 1.0,
    accumulate: int = 1,
    share: Share = stay,
) -> Learner:
    """The learner of this model.

    Args:
        model: its networks and losses.
        transfers: {network: its transfer}.
        control: which controllers it has while it trains, or the controller itself; none is enough to sample.
        learning_rate_scale: factor on the model's learning rates.
        accumulate: parts of a batch that are computed one after the other.
        share: how what a step draws lies on the devices.
    Raises:
        InputError: an unknown loss or likelihood, or controllers that do not fit.
    """
    controller = (
        control if isinstance(control, Controller) else build_controller(control, model.family, model.vae.kl_weight)
    )
    build = _build_gan if model.family == "gan" else _build_vae
    dtype = jnp.dtype(model.dtype)
    return build(model, transfers, controller, dtype, learning_rate_scale, accumulate=accumulate, share=share)


def _build_gan(
    model: ModelConfig,
    transfers: dict[str, Transfer],
    controller: Controller,
    dtype: jnp.dtype,
    scale: float,
    **parallel: Any,
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
        **parallel,
    )


def _build_vae(
    model: ModelConfig,
    transfers: dict[str, Transfer],
    controller: Controller,
    dtype: jnp.dtype,
    scale: float,
    **parallel: Any,
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
        **parallel,
    )


def check_names(model: ModelConfig, config: AdaptConfig | None = None) -> None:
    """Raises InputError for an unknown loss, likelihood or transfer, before anything is loaded."""
    lookup(ADVERSARIAL, model.gan.loss, "loss")
    lookup(LIKELIHOODS, model.vae.likelihood, "likelihood")
    build_transfers(config, model)
