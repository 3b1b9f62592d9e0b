"""The functions of a trained model whose images are made of latents."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import Array

from genjax.data.images import to_float, to_uint8
from genjax.errors import InputError
from genjax.families.chunks import in_chunks
from genjax.families.conditions import absent, classes_in_turn, column_name, numbers_of
from genjax.families.family import Trained
from genjax.families.learner import Learner
from genjax.families.model import Condition, Model
from genjax.families.render import CHUNK, draw_latents, make_renderer

FIT_SEED = 0  # of the draws by which the fit of an image is measured, whatever the model


def trained_by_latents(model: Model, learner: Learner) -> Trained:
    """Binds the functions of a learner to the parameters of a model.

    Args:
        model: its networks.
        learner: of the same networks, with the transfers that they were trained with.
    """
    if learner.latents is None:
        raise ValueError("a learner without latents is drawn from otherwise")
    networks, context, condition = model.networks, model.context, model.config.condition
    generate = learner.latents.generate
    images_of = make_renderer(lambda networks, context, inputs: generate(networks, context, *inputs))

    def render(latents: Array, texts: Sequence[str] | None = None) -> np.ndarray:
        if texts is None and condition.kind == "class":
            texts = classes_in_turn(condition, len(latents))
        rows = (latents,) if texts is None else (latents, numbers_of(condition, texts))
        return images_of(networks, context, rows)

    def draw(key: Array, n: int, texts: Sequence[str] | None, options: Any) -> np.ndarray:
        if texts is not None and condition.kind == "none":
            raise InputError("this model draws without texts. Leave --text out.")
        return render(draw_latents(learner, key, n), texts)

    trained = Trained(draw=draw, draw_latents=lambda key, n: draw_latents(learner, key, n), render=render)
    return _with_fit(_with_encoder(trained, model, learner), model, learner)


def _with_fit(trained: Trained, model: Model, learner: Learner) -> Trained:
    """Adds how badly a model explains images, where its learner can tell."""
    fit = learner.fit
    if fit is None:
        return trained
    condition, column = model.config.condition, column_name(model.config.condition)
    # The draws are the same for every model, so that the same images tell two of them apart.
    judge = jax.jit(lambda networks, context, batch: fit(networks, context, batch, jax.random.key(FIT_SEED)))

    def measured(images: np.ndarray, texts: Sequence[str] | None) -> np.ndarray:
        if trained.classes:
            given = _numbers(condition, images, texts)
        elif texts is not None:
            given = (numbers_of(condition, texts),)
        else:
            nothing = absent(condition)
            given = () if nothing is None else (np.broadcast_to(nothing, (len(images), *nothing.shape)),)
        names = ("image", column)[: 1 + len(given)]
        return in_chunks(
            lambda *rows: judge(model.networks, model.context, dict(zip(names, rows, strict=True))),
            *(images, *given),
            chunk=CHUNK,
        )

    return trained._replace(fit=measured)


def _with_encoder(trained: Trained, model: Model, learner: Learner) -> Trained:
    """Adds what a learner with an encoder or a likelihood can do."""
    networks, context, encoder = model.networks, model.context, learner.encoder
    classes = model.config.condition.names if encoder is not None and encoder.by_class else ()
    numbers = partial(_numbers, model.config.condition) if classes else lambda images, classes: ()
    if encoder is not None:
        reconstruct = jax.jit(encoder.reconstruct)
        trained = trained._replace(
            classes=classes,
            reconstruct=lambda images, classes=None: to_uint8(
                in_chunks(
                    lambda *rows: reconstruct(networks, context, *rows),
                    *(images, *numbers(images, classes)),
                    chunk=CHUNK,
                )
            ),
        )
        if encoder.encode is not None:
            encode = jax.jit(encoder.encode)
            trained = trained._replace(
                encode=lambda images, classes=None: encode(
                    networks, context, np.asarray(to_float(images)), *numbers(images, classes)
                )
            )
    if learner.likelihood is not None and learner.likelihood.log_likelihood is not None:
        judge = jax.jit(learner.likelihood.log_likelihood)
        trained = trained._replace(
            log_likelihood=lambda images, latents, classes=None: judge(
                networks, context, np.asarray(to_float(images)), latents, *numbers(images, classes)
            )
        )
    return trained


def _numbers(condition: Condition, images: Any, classes: Sequence[str] | None) -> tuple[np.ndarray]:
    """Returns the labels of images that are encoded.

    Raises:
        InputError: not one class an image, or one that the model does not know.
    """
    if classes is None or len(classes) != len(images):
        named = "none" if classes is None else f"{len(classes)} of {len(images)}"
        raise InputError(
            f"this model encodes an image by its class, and {named} were named. Name one for each image, of"
            f" {', '.join(condition.names[:10])}."
        )
    return (numbers_of(condition, classes),)
