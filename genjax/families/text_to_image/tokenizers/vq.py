"""The VQ-VAE learner: nearest codes, straight-through gradients, a codebook that follows. (van den Oord et al. 2017)"""

import functools

import jax.numpy as jnp
import optax
from jax import Array

from genjax.control import Controller, chain, check
from genjax.families.learner import Learner
from genjax.families.step import SHARED_KNOBS, SHARED_SIGNALS, network_knobs, network_signals
from genjax.families.text_to_image.tokenizers.codebook import follow
from genjax.families.text_to_image.tokenizers.learner import (
    Codec,
    Knobs,
    Parts,
    PixelLikelihood,
    Reading,
    make_codec,
    make_tokenizer,
)
from genjax.losses.quantization import commitment, nearest_codes, straight_through
from genjax.models.text_to_image.tokenizer import Tokenizer
from genjax.transfer import Transfer, full
from genjax.tree import Tree

SIGNALS = (
    *("total", "squared_error", "commitment", "log_likelihood", "codebook_usage", "codebook_perplexity"),
    *network_signals("tokenizer"),
    *SHARED_SIGNALS,
)
KNOBS = (
    *("reconstruction_weight", "commitment_weight"),
    *network_knobs("tokenizer"),
    *SHARED_KNOBS,
)


def vq_codec(tokenizer: Tokenizer, likelihood: PixelLikelihood) -> Codec:
    """Makes the codec of a VQ-VAE: each place has the token of the nearest code."""
    return make_codec(tokenizer, likelihood, nearest_codes)


def make_vq(
    tokenizer: Tokenizer,
    *,
    likelihood: PixelLikelihood,
    optimizer: optax.GradientTransformation,
    controller: Controller | None = None,
    commitment_weight: float = 0.25,
    decay: float = 0.99,
    restart_below: float = 0.02,
    ema_images: float = 10_000,
    images_per_epoch: int = 0,
    transfer: Transfer | None = None,
    accumulate: int = 1,
) -> Learner:
    """Makes a learner for this module.

    It minimises `reconstruction_weight * -log p(x|z) + commitment_weight * |z_e - sg(code)|^2`, both summed over an
    image. Both weights are knobs that a controller may set. (equation 3, with the second term as a moving average)

    Args:
        tokenizer: whose encoder gives vectors of the codes' size.
        likelihood: of an image given its codes, from `genjax.families.text_to_image.tokenizers.learner.LIKELIHOODS`.
        optimizer: of the trainable tree, all of it but the codebook.
        controller: may read the signals SIGNALS and set the knobs KNOBS.
        commitment_weight: beta, the paper's is .25.
        decay: of the codebook's moving averages, the paper's is .99.
        restart_below: share of its part of the vectors under which a code is moved elsewhere; 0 is off.
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
        vectors = jnp.asarray(tokenizer.apply({"params": params}, images, method="encode"))
        tokens = nearest_codes(vectors, params["codebook"])
        codes = params["codebook"][tokens]
        decoded = jnp.asarray(tokenizer.apply({"params": params}, straight_through(vectors, codes), method="decode"))
        log_likelihood = likelihood.log_density(images, decoded).mean()
        distance = commitment(vectors, codes).mean()
        loss = knobs["commitment_weight"] * distance - knobs["reconstruction_weight"] * log_likelihood
        metrics = {
            "loss/total": loss,
            "loss/log_likelihood": log_likelihood,
            "loss/commitment": distance,
            "loss/squared_error": jnp.square(images - likelihood.to_image(decoded)).mean(),
        }
        return loss, Reading(metrics, tokens.reshape(len(images), -1), vectors)

    return make_tokenizer(
        Parts(
            tokenizer,
            vq_codec(tokenizer, likelihood),
            objective=objective,
            follow=functools.partial(follow, decay=decay, restart_below=restart_below),
            neutral={"reconstruction_weight": 1.0, "commitment_weight": commitment_weight},
            likelihood=likelihood,
            optimizer=optimizer,
            controller=controller,
            ema_images=ema_images,
            images_per_epoch=images_per_epoch,
            transfer=transfer,
            accumulate=accumulate,
        )
    )
