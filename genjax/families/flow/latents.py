"""A flow in latents: the autoencoder between it and images, which is trained first. In pixels there is none."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from genjax.control import Controllable, Controller, learning_rate_annealing
from genjax.control.controller import joined
from genjax.data import Dataset
from genjax.data.batches import columns
from genjax.errors import InputError
from genjax.families.chunks import in_chunks
from genjax.families.family import Preview, Stage, Training, image_example
from genjax.families.flow.autoencoder import (
    CHUNK,
    MEASURED,
    NETWORK,
    decoder_of,
    encoder_of,
    make_autoencoder,
    with_latent_scale,
)
from genjax.families.flow.canvas import canvas_of
from genjax.families.flow.options import AutoencoderConfig, FlowAdaptation
from genjax.families.learner import Batch, Encoder, Latents, Learner, Networks
from genjax.families.model import ModelConfig
from genjax.models.autoencoder import Autoencoder
from genjax.terminal import say
from genjax.transfer import Transfer
from genjax.tree import count

KEPT = ("encoder/*", "mean", "deviation")  # in an adaptation: what says what a latent means


def autoencoder_of(model: ModelConfig) -> Autoencoder:
    """Makes the autoencoder of a model.

    Raises:
        InputError: a factor that does not fit the size.
    """
    options, canvas = model.options.autoencoder, canvas_of(model)
    return Autoencoder(
        size=model.size,
        factor=model.size // canvas.size,
        channels=model.channels,
        latents=canvas.channels,
        width=options.width,
        blocks=options.blocks,
        dtype=jnp.dtype(model.dtype),
    )


def with_autoencoder(model: ModelConfig, flow: Controllable) -> Controllable:
    """Returns the signals, knobs and networks of all stages together, given those of the flow's."""
    return flow if model.options.space == "pixels" else joined(flow.name, (flow, MEASURED))


def stages_before(model: ModelConfig, how: Training, among: Controllable) -> tuple[Stage, ...]:
    """Builds the stage that trains the autoencoder, where there is one; an adaptation trains at most its decoder.

    Args:
        model: with its options.
        how: settings of its training.
        among: signals and knobs of all stages together.
    Raises:
        InputError: a factor that does not fit the size.
    """
    if model.options.space == "pixels":
        return ()
    options: AutoencoderConfig = model.options.autoencoder
    module, adapting = autoencoder_of(model), how.adaptation is not None
    steps = how.adaptation.autoencoder_steps if adapting else options.steps
    annealing: list[Controller] = [learning_rate_annealing(options.steps)]
    learner = make_autoencoder(
        module,
        optimizer=optax.adam(how.learning_rate_scale * options.learning_rate),
        kl_weight=options.kl_weight,
        controller=how.controller(MEASURED, annealing, among),
        transfer=how.transfers.get(NETWORK) if steps else None,  # what is not trained is kept whole
        accumulate=how.accumulate,
    )
    encoder = learner.encoder
    if encoder is None:
        raise ValueError("an autoencoder encodes")

    def preview(shown: Dataset, finished: Networks, key: Array, n: int) -> Preview:
        return Preview(jnp.asarray(shown.images[: min(n, len(shown))]), encoder.reconstruct)

    stage = Stage(
        NETWORK,
        learner,
        steps,
        image_example(model),
        columns=lambda dataset, finished: {"image": dataset.images},
        preview=preview,
        finish=None if adapting else lambda dataset, state: with_latent_scale(module, dataset.images, state),
        stream=1,
    )
    return (stage,)


def rows_of(model: ModelConfig, finished: Networks, dataset: Dataset) -> Any:
    """Returns what the flow is trained on: the images of a set, or their latents, found once and kept in memory.

    Args:
        model: of the flow.
        finished: {network: params} of the stages before it.
        dataset: set of N images.
    Returns:
        uint8 (N, h, w, c), an array or what decodes them when indexed; of latents float32.
    """
    if model.options.space == "latents":
        say(f"latents  of {len(dataset)} images, by an autoencoder of {count(finished[NETWORK]):,} parameters")
    return encoded(model, finished, columns(dataset)["image"])


def encoded(model: ModelConfig, networks: Networks, images: Any) -> Any:
    """Returns images (n, h, w, c) as the flow knows them: as they are, or their latents, float32."""
    if model.options.space == "pixels":
        return images
    encode = jax.jit(encoder_of(autoencoder_of(model), model.options.process))
    return in_chunks(lambda some: encode(networks[NETWORK], some), images, chunk=CHUNK)


def images_of(model: ModelConfig) -> Callable[[Networks, Array], Array]:
    """Returns ({network: params}, what a flow makes) -> images (n, h, w, c) in [-1, 1]."""
    if model.options.space == "pixels":
        return lambda networks, made: jnp.clip(made, -1, 1)
    decode = decoder_of(autoencoder_of(model), model.options.process)
    # A network that is finished may lie in the host's memory.
    return lambda networks, made: decode(jax.tree.map(jnp.asarray, networks[NETWORK]), made)


def latents_of(model: ModelConfig) -> Callable[[Networks, Array], Array]:
    """Returns ({network: params}, images (n, h, w, c) in [-1, 1]) -> what a flow makes: the way back of `images_of`."""
    if model.options.space == "pixels":
        return lambda networks, images: images
    encode = encoder_of(autoencoder_of(model), model.options.process)
    return lambda networks, images: encode(networks[NETWORK], images)


def in_pixels(model: ModelConfig, learner: Learner, transfers: Mapping[str, Transfer]) -> Learner:
    """Makes a flow's learner give and take images, by the autoencoder that is beside it in a model in latents.

    Its latents are the noise still, and reconstructions go from an image to its latents, to noise, and back.

    Args:
        model: of the flow.
        learner: of the flow, in the space of the model.
        transfers: {network: its transfer}.
    """
    inner, through, fit = learner.latents, learner.encoder, learner.fit
    if model.options.space == "pixels" or inner is None or through is None or fit is None:
        return learner
    decode, encode = images_of(model), encoder_of(autoencoder_of(model), model.options.process)

    def params(networks: Networks, context: Networks) -> Networks:
        return {NETWORK: transfers[NETWORK].params(networks[NETWORK], context[NETWORK])}

    def generate(networks: Networks, context: Networks, latents: Array, condition: Array | None = None) -> Array:
        return decode(params(networks, context), inner.generate(networks, context, latents, condition))

    def reconstruct(networks: Networks, context: Networks, images: Array) -> Array:
        known = params(networks, context)
        return decode(known, through.reconstruct(networks, context, encode(known[NETWORK], images)))

    def fit_of_images(networks: Networks, context: Networks, batch: Batch, key: Array) -> Array:
        known = params(networks, context)
        return fit(networks, context, {**batch, "image": encode(known[NETWORK], batch["image"])}, key)

    return learner._replace(latents=Latents(inner.draw, generate), encoder=Encoder(reconstruct), fit=fit_of_images)


def facts_of(model: ModelConfig) -> tuple[tuple[str, str], ...]:
    """Returns (name, value) for reports, of a model in latents."""
    if model.options.space == "pixels":
        return ()
    canvas = canvas_of(model)
    return (("Latents", f"{canvas.size}x{canvas.size}x{canvas.channels}, of an autoencoder"),)


def with_decoder_steps(model: ModelConfig, adaptation: FlowAdaptation) -> ModelConfig:
    """Describes an adapted model in the terms of one that was trained.

    Raises:
        InputError: steps of an autoencoder that the source does not have.
    """
    flow, steps = model.options, adaptation.autoencoder_steps
    if not steps:
        return model
    if flow.space == "pixels":
        raise InputError(f"--autoencoder-steps {steps}: the source is in pixels, without an autoencoder. Leave it out.")
    trained = dataclasses.replace(flow.autoencoder, steps=steps)
    return dataclasses.replace(model, options=dataclasses.replace(flow, autoencoder=trained))
