"""The family of VAEs: an encoder and a decoder with latents between them."""

import functools

import jax.numpy as jnp
import optax

from genjax.control import Controllable, Setting, chain
from genjax.errors import InputError
from genjax.families.classes import new_rows, with_class_rows
from genjax.families.conditions import class_or_none, example_column
from genjax.families.family import Family, Stage, Trained, Training, all_columns, image_example, latent_preview
from genjax.families.learner import Learner
from genjax.families.model import Model, ModelConfig
from genjax.families.trained import trained_by_latents
from genjax.families.vae.learner import KNOBS, LIKELIHOODS, NETWORK, SIGNALS, make_vae
from genjax.families.vae.options import VaeConfig
from genjax.models.vae import Vae
from genjax.transfer import full
from genjax.transfer.auto import Rule
from genjax.transfer.transfer import Offer

MEASURED = Controllable("VAE", SIGNALS, KNOBS, (NETWORK,))
TABLES = {NETWORK: ("encoder/class/embedding", "decoder/class/embedding")}


def build_vae(model: ModelConfig, how: Training) -> Learner:
    """Builds the learner of a model.

    Args:
        model: its networks and likelihood.
        how: settings of its training.
    Raises:
        InputError: controllers that do not fit.
    """
    vae: VaeConfig = model.options
    classes = len(model.condition.names)
    kl_weight = Setting("--vae.kl-weight", "the weight of the KL", vae.kl_weight)
    controller = how.controller(MEASURED._replace(settings={"kl_weight": kl_weight}))
    if vae.likelihood == "optimal_gaussian" and "reconstruction_weight" in controller.sets:
        raise InputError(
            "--vae.likelihood optimal_gaussian sets its own scale, and --control.geco-tolerance and"
            " --control.optimal-sigma would set it again. Set them to 0."
        )
    return make_vae(
        Vae(model.size, model.channels, vae.width, vae.latent_size, jnp.dtype(model.dtype), classes),
        latent_size=vae.latent_size,
        likelihood=LIKELIHOODS[vae.likelihood],
        optimizer=optax.adam(how.learning_rate_scale * vae.learning_rate),
        controller=controller,
        kl_weight=vae.kl_weight,
        ema_images=vae.ema_images,
        transfer=how.transfers.get(NETWORK, full()),
        accumulate=how.accumulate,
        share=how.share,
        classes=classes,
        new_classes=model.condition.new,
        shots=how.shots,
    )


def _stages(model: ModelConfig, how: Training) -> tuple[Stage, ...]:
    learner, condition = build_vae(model, how), model.condition
    example, preview = {**image_example(model), **example_column(condition)}, latent_preview(learner, condition)
    return (Stage("vae", learner, how.steps, example, columns=all_columns(condition), preview=preview),)


def _offers(model: ModelConfig) -> dict[str, Offer]:
    return {
        NETWORK: Offer(
            latent_size=model.options.latent_size,
            features=True,
            evidence=True,
            freeze=("encoder/down_*",),
            rows=new_rows(TABLES, NETWORK, model),
        )
    }


def _trained(model: Model) -> Trained:
    trained = trained_by_latents(model, build_vae(model.config, Training(model.transfers, control=chain())))
    trained = trained._replace(there_and_back="posterior mean")
    likelihood = model.config.options.likelihood
    # The scale of an optimal Gaussian is that of a batch, so that an image has no density of its own.
    if likelihood == "optimal_gaussian":
        return trained._replace(no_density=f"--vae.likelihood {likelihood}")
    return trained._replace(density=likelihood)


VAE = Family(
    name="vae",
    label="VAE",
    options=VaeConfig,
    measured=MEASURED,
    offers=_offers,
    stage_networks=lambda model: {"vae": (NETWORK,)},
    stages=_stages,
    trained=_trained,
    condition=class_or_none,
    begun=functools.partial(with_class_rows, TABLES),
    tables=TABLES,
    conditions=("none", "class"),
    functions=("draw_latents", "render", "reconstruct", "encode", "log_likelihood"),
    # With few shots `miner` comes nearest in both distances among those that cover as much, at the price of copies.
    rules=lambda model: (Rule(30, "miner"), Rule(None, "full")),
    candidates=("full", "lora"),
    prefix="vae",
)
