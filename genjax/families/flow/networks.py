"""The networks of flows, a line each: how one is made of a model's config, and what `freeze` keeps of it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp

from genjax.errors import InputError
from genjax.families.flow.canvas import canvas_of
from genjax.families.flow.ddpm.build import ddpm_unet
from genjax.families.flow.learner import FlowModule
from genjax.families.flow.options import check_sizes
from genjax.families.model import ModelConfig
from genjax.models.dit import Dit
from genjax.models.segments import Segment
from genjax.models.unet import Unet

PATCHES = {"pixels": 4, "latents": 2}  # height and width of a patch unless told otherwise


class NetworkKind(NamedTuple):
    """A network that a flow may have.

    Attributes:
        build: model config -> module; raises InputError for one that does not fit the size or the condition.
        freeze: size -> patterns of what `freeze` keeps unless told otherwise: where a place is, how noisy it is, and
            the first blocks are as good for other images.
    """

    build: Callable[[ModelConfig], FlowModule]
    freeze: Callable[[int], tuple[str, ...]]


def dit(model: ModelConfig) -> Dit:
    """Makes the transformer of a model.

    Raises:
        InputError: patches that do not divide the size.
    """
    options, canvas = model.options.dit, canvas_of(model)
    patch = options.patch_size or PATCHES[model.options.space]
    if canvas.size % patch:
        fitting = [str(one) for one in (1, 2, 4, 8) if canvas.size // one > 1 and (one > 1 or canvas.size < 16)]
        raise InputError(
            f"--flow.dit.patch-size {patch} does not divide {canvas.words}. Use {', '.join(fitting[:-1])}"
            f"{' or ' if fitting[1:] else ''}{fitting[-1]}."
        )
    styles = model.condition.styles
    return Dit(
        canvas.channels,
        patch,
        options.width,
        options.depth,
        options.heads,
        styles=0 if styles is None else len(styles.names),
        **_shared(model),
    )


def unet(model: ModelConfig) -> Unet:
    """Makes the U-Net of a model.

    Raises:
        InputError: halvings or attention that the size does not have.
    """
    options, canvas = model.options.unet, canvas_of(model)
    check_sizes(options, canvas.size, canvas.words)
    return Unet(
        canvas.channels, options.width, options.multipliers, options.blocks, options.attention, **_shared(model)
    )


def _shared(model: ModelConfig) -> dict[str, Any]:
    """Returns what both are told: the condition, and how to compute."""
    condition, vocabulary = model.condition, model.condition.vocabulary
    return {
        "classes": len(condition.names) if condition.kind == "class" else 0,
        "text": None if vocabulary is None else Segment("text", vocabulary.length, vocabulary.numbers),
        "remat": model.options.remat,
        "two_times": model.options.process == "mean",
        "dtype": jnp.dtype(model.dtype),
    }


NETWORKS: dict[str, NetworkKind] = {
    "dit": NetworkKind(dit, lambda size: ("patch/*", "row", "column", "level/*", "block_0/*")),
    "unet": NetworkKind(unet, lambda size: ("input/*", "level/*", f"down_{size}_*")),
    "ddpm_unet": NetworkKind(ddpm_unet, lambda size: ("conv_in/*", "time_*", "down_0/*")),
}
