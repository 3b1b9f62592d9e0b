"""The functions of a trained model whose images are made of latents."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax import Array

from genjax.data.images import to_float, to_uint8
from genjax.errors import InputError
from genjax.families.chunks import in_chunks
from genjax.families.family import Trained
from genjax.families.learner import Learner
from genjax.families.model import Model
from genjax.families.render import CHUNK, draw_latents, make_renderer


def trained_by_latents(model: Model, learner: Learner) -> Trained:
    """Binds the functions of a learner to the parameters of a model.

    Args:
        model: its networks.
        learner: of the same networks, with the transfers that they were trained with.
    """
    if learner.latents is None:
        raise ValueError("a learner without latents is drawn from otherwise")
    render, networks, context = make_renderer(learner.latents.generate), model.networks, model.context

    def draw(key: Array, n: int, texts: Sequence[str] | None, options: Any) -> np.ndarray:
        if texts is not None:
            raise InputError("this model draws without texts. Leave --text out.")
        return render(networks, context, draw_latents(learner, key, n))

    trained = Trained(
        draw=draw,
        draw_latents=lambda key, n: draw_latents(learner, key, n),
        render=lambda latents: render(networks, context, latents),
    )
    if learner.encoder is not None:
        reconstruct = jax.jit(learner.encoder.reconstruct)
        trained = trained._replace(
            reconstruct=lambda images: to_uint8(
                in_chunks(lambda rows: reconstruct(networks, context, rows), images, chunk=CHUNK)
            )
        )
        if learner.encoder.encode is not None:
            encode = jax.jit(learner.encoder.encode)
            trained = trained._replace(encode=lambda images: encode(networks, context, np.asarray(to_float(images))))
    if learner.likelihood is not None and learner.likelihood.log_likelihood is not None:
        judge = jax.jit(learner.likelihood.log_likelihood)
        trained = trained._replace(
            log_likelihood=lambda images, latents: judge(networks, context, np.asarray(to_float(images)), latents)
        )
    return trained
