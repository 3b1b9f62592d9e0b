"""The autoencoder of a flow in latents: its learner, and the functions that a trained one is used by.

It minimises the mean absolute error of images that are decoded from a draw of q(z|x), and a little of the KL divergence
to a standard normal, so that latents neither grow without bound nor need more digits than noise leaves them. (Rombach
et al. 2022, appendix G; without a critic and without features of another network)

The flow is trained on the means of q(z|x): at so small a weight of the KL their own noise is far below their spread,
and one draw for each image would be kept for all epochs. Mean and deviation of the means over all images are measured
once, when the last step is done, and kept among the parameters: the flow counts latents in deviations.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from genjax.control import Controllable, Controller, chain
from genjax.control.controller import without_annealing
from genjax.data.images import to_float
from genjax.families.chunks import in_chunks
from genjax.families.learner import Batch, Encoder, Learner, Metrics, Module, Networks, TrainState
from genjax.families.one_network import knobs_of, learner_of, signals_of
from genjax.losses.flow import IMAGE_DEVIATION
from genjax.losses.variational import gaussian_kl, reparameterize_with
from genjax.transfer import Transfer, full
from genjax.tree import Tree

NETWORK = "autoencoder"
MEASURED = without_annealing(Controllable("flow model", signals_of(NETWORK), knobs_of(NETWORK), (NETWORK,)))
EMA_IMAGES = 10_000  # half-life of the parameters' moving average, as of a VAE
CHUNK = 64  # images that are encoded at once
DEVIATIONS = {"edm": IMAGE_DEVIATION}  # {process: deviation of the images that it is made for}, 1 of all others
LEAST_DEVIATION = 1e-6  # of a channel: one that is the same everywhere would be divided by 0


def make_autoencoder(
    module: Module,
    *,
    optimizer: optax.GradientTransformation,
    kl_weight: float = 1e-6,
    controller: Controller | None = None,
    transfer: Transfer | None = None,
    accumulate: int = 1,
) -> Learner:
    """Makes the learner of this module, which minimises `reconstruction_loss`.

    Args:
        module: the network.
        optimizer: optimiser of the trainable tree.
        kl_weight: weight of the KL divergence in nats beside the absolute error, both summed over an image.
        controller: may read the signals and set the knobs of MEASURED.
        transfer: of the whole network, one that moves no latents; None is `full()`.
        accumulate: parts of a batch that are computed one after the other.
    """
    transfer = transfer or full()

    def fresh(key: Array, batch: Batch) -> Tree:
        return module.init(key, jnp.asarray(to_float(batch["image"][:1])))["params"]

    def reconstruct(networks: Networks, context: Networks, images: Array) -> Array:
        params = transfer.params(networks[NETWORK], context[NETWORK])
        made = module.apply({"params": params}, jnp.asarray(to_float(images)))
        return jnp.clip(made, -1, 1)

    return learner_of(
        NETWORK,
        fresh=fresh,
        objective=partial(reconstruction_loss, module, kl_weight),
        optimizer=optimizer,
        controller=controller or chain(),
        transfer=transfer,
        ema_images=EMA_IMAGES,
        accumulate=accumulate,
        encoder=Encoder(reconstruct),
    )


def reconstruction_loss(
    module: Module, kl_weight: float, params: Tree, batch: Batch, key: Array
) -> tuple[Array, Metrics]:
    """Computes |x - D(z)| + kl_weight KL(q(z|x) | N(0, I)), both summed over an image, for each of its values.

    Args:
        module: the network.
        kl_weight: weight of the KL.
        params: of the module.
        batch: "image" (n, h, w, c), uint8 or in [-1, 1].
        key: of the draw of z.
    Returns:
        The mean loss (), and metrics: its parts, the KL in nats an image, the errors a value.
    """
    images = jnp.asarray(to_float(batch["image"]))
    found = module.apply({"params": params}, images, method="encode")
    mean, log_variance = (part.reshape(len(images), -1) for part in found)  # (n, h w c)
    latents = reparameterize_with(jax.random.normal(key, mean.shape), mean, log_variance)
    made = module.apply({"params": params}, latents.reshape(found[0].shape), method="decode")
    error = jnp.abs(images - made).mean(axis=(1, 2, 3))
    kl = gaussian_kl(mean, log_variance)
    values = images[0].size
    loss = (error + kl_weight * kl / values).mean()
    return loss, {
        "loss/total": loss,
        "loss/absolute_error": error.mean(),
        "loss/kl": kl.mean(),
        "loss/squared_error": jnp.square(images - made).mean(),
    }


def encoder_of(module: Module, process: str) -> Callable[[Tree, Any], Array]:
    """Returns (params, images) -> latents (n, h, w, c) of the deviation that a process is made for.

    Images are uint8 or in [-1, 1].
    """

    def encode(params: Tree, images: Any) -> Array:
        found = module.apply({"params": params}, jnp.asarray(to_float(images)), method="encode_normed")
        return DEVIATIONS.get(process, 1.0) * found

    return encode


def decoder_of(module: Module, process: str) -> Callable[[Tree, Array], Array]:
    """Returns (params, latents) -> images in [-1, 1]."""

    def decode(params: Tree, latents: Array) -> Array:
        given = latents / DEVIATIONS.get(process, 1.0)
        return jnp.clip(module.apply({"params": params}, given, method="decode_normed"), -1, 1)

    return decode


def with_latent_scale(module: Module, images: Any, state: TrainState) -> TrainState:
    """Measures mean and deviation of the latents of all images, and keeps them among the parameters of a state.

    Args:
        module: the network.
        images: uint8 (n, h, w, c), or what decodes them when indexed.
        state: after the last step, trained in full.
    """
    tree = state.average[NETWORK]
    encode = jax.jit(lambda tree, some: module.apply({"params": tree}, to_float(some), method="encode")[0])
    latents = in_chunks(lambda some: encode(tree, some), images, chunk=CHUNK).astype(np.float64)
    mean, deviation = latents.mean(axis=(0, 1, 2)), latents.std(axis=(0, 1, 2))
    scale = {"mean": mean, "deviation": np.maximum(deviation, LEAST_DEVIATION)}

    def kept(networks: Networks) -> Networks:
        values = {name: jnp.asarray(value, jnp.float32) for name, value in scale.items()}  # no array in two trees
        return {**networks, NETWORK: {**networks[NETWORK], **values}}

    return dataclasses.replace(state, trainable=kept(state.trainable), average=kept(state.average))
