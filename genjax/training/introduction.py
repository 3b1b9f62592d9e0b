"""The five lines with which a run begins: data, model, device, adaptation, folder."""

import jax

from genjax.devices.sharding import Layout
from genjax.families.learner import Networks
from genjax.training.plan import Plan
from genjax.transfer.registry import names
from genjax.tree import count


def introduction(plan: Plan, trainable: Networks) -> list[str]:
    """Returns the five lines with which a run begins: data, model, device, adaptation, folder.

    Args:
        plan: of the run.
        trainable: {network: its trainable tree or shapes}, of all stages.
    """
    images, model = plan.images, plan.model
    classes = f", {images.classes_in_words}" if images.class_names else ""
    spoken = f", captions of {model.condition.vocabulary.summary}" if model.condition.vocabulary else ""
    numbers = " + ".join(f"{network} {count(tree):,}" for network, tree in trainable.items())
    steps = ", ".join(f"{stage.name} {stage.steps:,}" for stage in plan.stages)
    lengths = f"steps of {plan.batch} images: {steps}"
    if len(plan.stages) == 1:
        lengths = f"{plan.stages[0].steps} steps of {plan.batch} images"
    return [
        f"data     {images.name}, {len(images)} images of the {images.split} part{classes}{spoken}, "
        f"{model.size}x{model.size}x{model.channels}",
        f"model    {model.family}, {numbers} trained",
        device_line(plan.layout, model.dtype),
        _adaptation_line(plan),
        f"folder   {plan.folder.path}, {lengths}",
    ]


def device_line(layout: Layout, dtype: str) -> str:
    """Returns the devices on which a run computes, and its type."""
    device = jax.devices()[0]
    many = f"{layout.devices} x " if layout.devices > 1 else ""
    hosts = f", {jax.process_count()} processes" if jax.process_count() > 1 else ""
    hosts += ", state shared" if layout.shard_state else ""
    return f"device   {many}{device.device_kind} ({device.platform}), {dtype}{hosts}"


def _adaptation_line(plan: Plan) -> str:
    if plan.origin is None:
        return "source   none: pretraining"
    config = plan.origin.config
    shots = f"{len(plan.images)} shots" if config.shots else "all images"
    return f"source   {config.source}, transfer {names(config.transfers)}, {shots}"
