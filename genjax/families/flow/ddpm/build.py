"""From options to the network and the process of denoising diffusion."""

import jax.numpy as jnp

from genjax.errors import InputError
from genjax.families.flow.canvas import canvas_of
from genjax.families.flow.ddpm.options import DOWN, UP, DdpmConfig
from genjax.families.flow.options import FlowConfig
from genjax.families.model import ModelConfig
from genjax.losses.ddpm import betas_of, ddpm
from genjax.losses.flow import Process
from genjax.models.ddpm_unet import DdpmUnet


def ddpm_process(noise: DdpmConfig) -> Process:
    """Makes the process of a schedule of noise."""
    betas = betas_of(noise.schedule, noise.steps, first=noise.first, last=noise.last)
    return ddpm(betas, noise.prediction, clip=noise.clip)


def ddpm_unet(model: ModelConfig) -> DdpmUnet:
    """Makes the network of a model.

    Raises:
        InputError: a condition that it does not have, or blocks that halve the image too often.
    """
    flow: FlowConfig = model.options
    unet, condition, canvas = flow.ddpm_unet, model.condition, canvas_of(model)
    if condition.kind == "text":
        raise InputError("--flow.network ddpm_unet has no captions. Use --flow.network dit, or --condition class.")
    if flow.process == "mean":
        raise InputError(
            "--flow.network ddpm_unet is told of one time, and mean flow has two. Use --flow.network unet."
        )
    if canvas.size % 2**unet.halvings:
        raise InputError(
            f"--flow.ddpm-unet.widths are {len(unet.widths)} blocks, which halve {canvas.words} too often. Use fewer."
        )
    return DdpmUnet(
        canvas.channels,
        unet.widths,
        tuple(block == DOWN[1] for block in unet.down_blocks),
        tuple(block == UP[1] for block in unet.up_blocks),
        unet.layers,
        middle_attention=unet.middle_attention,
        groups=unet.groups,
        epsilon=unet.epsilon,
        activation=unet.activation,
        head_width=unet.head_width,
        scale_shift=unet.time == "scale_shift",
        pad=unet.pad,
        time_width=unet.time_width,
        cosine_first=unet.cosine_first,
        frequency_shift=unet.frequency_shift,
        timesteps=unet.timesteps,
        centred=unet.centred,
        middle_divisor=unet.middle_divisor,
        classes=len(condition.names) if condition.kind == "class" else 0,
        remat=flow.remat,
        dtype=jnp.dtype(model.dtype),
    )
