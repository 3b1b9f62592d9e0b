"""Few steps: which source may learn them while it is adapted, what it begins from, and which drawings there are.

A model of few steps is not adapted further: it loses them, and quality with them. (Ten images, FID: 57 where a model is
adapted and then distilled, 140 the other way round; Uni-DAD, CVPR 2026.) A model of velocities becomes one of few steps
while it is adapted: its network is told of a second time, by a layer of zeros that changes nothing at first, and no
longer of the fast waves of the first one.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from genjax.errors import InputError
from genjax.families.flow.canvas import canvas_of
from genjax.families.flow.learner import MEAN, NETWORK
from genjax.families.flow.networks import NETWORKS
from genjax.families.flow.options import FlowAdaptation, FlowConfig
from genjax.families.learner import Networks
from genjax.families.model import NO_CONDITION, ModelConfig
from genjax.models.noise_level import slowed
from genjax.transfer.registry import names
from genjax.transfer.replay import Replay
from genjax.tree import flatten, unflatten

TEACHING = ("full", "freeze", "lora", "l2_sp", "cdc", "replay")  # transfers that can train a layer of zeros
WAVES = "level/expand/kernel"  # the parameter that reads the waves of a time


def with_few_steps(model: ModelConfig, adaptation: FlowAdaptation) -> ModelConfig:
    """Returns the config of an adapted model: the source's, or with `few_steps` one of mean flow.

    Raises:
        InputError: a source of few steps, or one that cannot learn them.
    """
    flow: FlowConfig = model.options
    if flow.process == "mean":
        raise InputError(
            "the source draws in few steps (--flow.process mean), which an adaptation would spoil. Train one with"
            " --flow.process rectified, and adapt that with --few-steps."
        )
    if not adaptation.few_steps:
        return model
    for name in ("process", "prediction", "network"):
        if getattr(flow, name) not in ("rectified", "velocity", "dit", "unet"):
            raise InputError(
                f"--few-steps cannot go on from this source, a model of --flow.{name} {getattr(flow, name)}. Leave it"
                " out, or adapt a source that was trained with --flow.process rectified alone."
            )
    return dataclasses.replace(model, options=dataclasses.replace(flow, process="mean"))


def check_few_steps(model: ModelConfig, choice: Sequence[Any]) -> None:
    """Raises InputError for transfers by which an adapted model could not learn few steps.

    Args:
        model: config of the adapted model.
        choice: options of its transfers.
    """
    if model.options.process != "mean":
        return
    for one in choice:
        name = names([one])
        if name not in TEACHING:
            raise InputError(
                f"--few-steps teaches a layer that the source does not have, and --transfer {name} trains or weighs"
                f" only what the source has. Use {', '.join(TEACHING)}."
            )
        if isinstance(one, Replay) and one.forgetting:
            raise InputError(
                "--replay.forgetting chooses the noise that images are trained at, and --few-steps pairs of times. Use"
                " one of them."
            )


def begun(networks: Networks, model: ModelConfig) -> Networks:
    """Returns parameters of a source as an adapted model has them, which in mean flow is told of times otherwise.

    The layer of the second time is added, zeros, and of the first time's waves the fast ones are left out.
    """
    flow: FlowConfig = model.options
    if flow.process != "mean":
        return networks
    canvas = canvas_of(model)
    images = jax.ShapeDtypeStruct((1, canvas.size, canvas.size, canvas.channels), jnp.float32)
    level = jax.ShapeDtypeStruct((1,), jnp.float32)
    network = NETWORKS[flow.network].build(dataclasses.replace(model, condition=NO_CONDITION))
    fresh = flatten(jax.eval_shape(network.init, jax.random.key(0), images, level, None)["params"])
    given = flatten(networks[NETWORK])
    added = {name: jnp.zeros(leaf.shape, leaf.dtype) for name, leaf in fresh.items() if name.startswith("span/")}
    return networks | {NETWORK: unflatten(given | added | {WAVES: slowed(given[WAVES])})}


def check_drawing(flow: FlowConfig, solver: str, *, guided: bool) -> None:
    """Raises InputError for a solver that the model does not have, or that cannot be guided.

    The mean of a guided velocity is not the guided mean of velocities: those of two models, or of one with and without
    its condition, are means along two ways.

    Args:
        flow: options of the model.
        solver: that was chosen.
        guided: whether guidance was asked for.
    """
    if solver != MEAN:
        return
    if flow.process != "mean":
        raise InputError(
            f"--solver mean leaps by mean velocities, and a model of --flow.process {flow.process} has none. Use"
            " --solver heun."
        )
    if guided:
        raise InputError(
            "--guidance leads off the way that a leap of this model (--flow.process mean) goes along. Use it with"
            " --solver heun --steps 18, or leave it out."
        )
