"""The discrete VAE learner: relaxed draws of codes, and a bound on the likelihood. (Ramesh et al. 2021, section 2.1)"""

import jax.numpy as jnp
import optax
from jax import Array

from genjax.control import Controller, chain, check
from genjax.families.learner import Learner
from genjax.families.step import SHARED_KNOBS, SHARED_SIGNALS, network_knobs, network_signals
from genjax.families.text_to_image.tokenizers.learner import (
    Codec,
    Knobs,
    Parts,
    PixelLikelihood,
    Reading,
    make_codec,
    make_tokenizer,
)
from genjax.losses.gumbel import gumbel_softmax, uniform_kl
from genjax.losses.variational import constrained_kl
from genjax.models.text_to_image.tokenizer import Tokenizer
from genjax.transfer import Transfer, full
from genjax.tree import Tree

SIGNALS = (
    *("total", "negative_elbo", "squared_error", "kl", "log_likelihood", "codebook_usage", "codebook_perplexity"),
    *network_signals("tokenizer"),
    *SHARED_SIGNALS,
)
KNOBS = (
    *("reconstruction_weight", "kl_weight", "free_nats", "kl_capacity", "temperature"),
    *network_knobs("tokenizer"),
    *SHARED_KNOBS,
)


def dvae_codec(tokenizer: Tokenizer, likelihood: PixelLikelihood) -> Codec:
    """Makes the codec of a discrete VAE: each place has the likeliest token."""
    return make_codec(tokenizer, likelihood, lambda logits, codebook: logits.argmax(axis=-1).astype(jnp.int32))


def make_dvae(
    tokenizer: Tokenizer,
    *,
    likelihood: PixelLikelihood,
    optimizer: optax.GradientTransformation,
    controller: Controller | None = None,
    kl_weight: float = 1.0,
    temperature: float = 1.0,
    ema_images: float = 10_000,
    images_per_epoch: int = 0,
    transfer: Transfer | None = None,
    accumulate: int = 1,
) -> Learner:
    """Makes a learner for this module.

    It minimises `reconstruction_weight * -log p(x|z) + kl_weight * KL(q(z|x) | uniform)`, both in nats per image: the
    one summed over pixels, the other over places. The decoder sees a mixture of codes, by a Gumbel-softmax of this
    temperature. All of these are knobs that a controller may set: `genjax.control.annealing` has the paper's.

    Args:
        tokenizer: whose encoder gives logits of the codes.
        likelihood: of an image given its codes, from `genjax.families.text_to_image.tokenizers.learner.LIKELIHOODS`.
        optimizer: of the trainable tree.
        controller: may read the signals SIGNALS and set the knobs KNOBS.
        kl_weight: beta, unless a controller sets it.
        temperature: of the relaxation, unless a controller sets it.
        ema_images: half-life of the parameters' moving average; 0 is off.
        images_per_epoch: over which the use of the codes is counted; 0 is all of training.
        transfer: of the whole network; None is `full()`.
        accumulate: parts of a batch that are computed one after the other.
    Raises:
        InputError: a controller or a transfer that does not fit.
    """
    controller, transfer = controller or chain(), transfer or full()
    check(controller, signals=SIGNALS, knobs=KNOBS)

    def objective(params: Tree, images: Array, knobs: Knobs, key: Array) -> tuple[Array, Reading]:
        logits = jnp.asarray(tokenizer.apply({"params": params}, images, method="encode"))
        mixtures = gumbel_softmax(key, logits, knobs["temperature"]) @ params["codebook"]
        decoded = jnp.asarray(tokenizer.apply({"params": params}, mixtures, method="decode"))
        log_likelihood = likelihood.log_density(images, decoded).mean()
        kl = uniform_kl(logits.reshape(len(images), -1, logits.shape[-1]))
        held = constrained_kl(kl, free=knobs["free_nats"], capacity=knobs["kl_capacity"])
        loss = knobs["kl_weight"] * held - knobs["reconstruction_weight"] * log_likelihood
        metrics = {
            "loss/total": loss,
            "loss/negative_elbo": kl.sum(axis=-1).mean() - log_likelihood,
            "loss/kl": kl.sum(axis=-1).mean(),
            "loss/log_likelihood": log_likelihood,
            "loss/squared_error": jnp.square(images - likelihood.to_image(decoded)).mean(),
        }
        return loss, Reading(metrics, logits.argmax(axis=-1).reshape(len(images), -1), logits)

    return make_tokenizer(
        Parts(
            tokenizer,
            dvae_codec(tokenizer, likelihood),
            objective=objective,
            follow=None,
            neutral={
                "reconstruction_weight": 1.0,
                "kl_weight": kl_weight,
                "free_nats": 0.0,
                "kl_capacity": 0.0,
                "temperature": temperature,
            },
            likelihood=likelihood,
            optimizer=optimizer,
            controller=controller,
            ema_images=ema_images,
            images_per_epoch=images_per_epoch,
            transfer=transfer,
            accumulate=accumulate,
        )
    )
