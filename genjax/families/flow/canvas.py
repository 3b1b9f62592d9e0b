"""The images that a flow carries noise to: pixels, or the latents of an autoencoder, which are a smaller image."""

from typing import NamedTuple

import numpy as np

from genjax.errors import InputError
from genjax.families.family import image_example
from genjax.families.flow.options import FACTORS, FlowConfig
from genjax.families.learner import Batch
from genjax.families.model import ModelConfig


class Canvas(NamedTuple):
    """The images that a flow's network sees.

    Attributes:
        size: height and width.
        channels: numbers at each place.
        words: what has this size, for errors.
        bound: largest absolute value; infinite of latents.
    """

    size: int
    channels: int
    words: str
    bound: float = 1.0


def canvas_of(model: ModelConfig) -> Canvas:
    """Returns what the flow of a model carries noise to.

    Raises:
        InputError: an autoencoder whose factor does not leave latents of 2 by 2 or more.
    """
    flow: FlowConfig = model.options
    if flow.space == "pixels":
        return Canvas(model.size, model.channels, f"--size {model.size}")
    factor = flow.autoencoder.factor
    if model.size % factor or model.size < 2 * factor:
        fitting = [str(one) for one in FACTORS if model.size >= 2 * one]
        raise InputError(
            f"--flow.autoencoder.factor {factor} makes fewer than 2x2 latents of --size {model.size}. Use"
            f" {', '.join(fitting)}."
        )
    size = model.size // factor
    words = f"the {size}x{size} latents of --size {model.size}"
    return Canvas(size, flow.autoencoder.channels, words, bound=float("inf"))


def example_of(model: ModelConfig) -> Batch:
    """Returns a batch of one black image, or of latents that are all 0."""
    canvas = canvas_of(model)
    if model.options.space == "pixels":
        return image_example(model)
    return {"image": np.zeros((1, canvas.size, canvas.size, canvas.channels), np.float32)}
