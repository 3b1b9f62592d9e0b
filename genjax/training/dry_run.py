"""A dry run: shapes, numbers that are trained, memory and operations of a step, without running anything."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from genjax.config import AdaptConfig, TrainConfig
from genjax.data.left_out import warn_of_left_out
from genjax.devices import jaxpr_cost
from genjax.devices.memory import available
from genjax.devices.sharding import Layout
from genjax.families.learner import Learner, Networks, TrainState
from genjax.families.model import Model
from genjax.terminal import table
from genjax.training.introduction import introduction
from genjax.training.plan import Plan, plan_adaptation, plan_training
from genjax.training.select import plan_candidates, selection_line
from genjax.training.stage import state_shapes
from genjax.tree import Tree, count, flatten

SUMMARY = "in all"
ROUNDED = 50_000  # bytes that a message does not mention
ABOVE = 2.1  # times what is read from a program, at most: 1.6 of convolutions, and of a transformer more is kept
CLOSING = f"A compiled step may hold up to {ABOVE} times as much. Nothing was compiled or written."

Shapes = Mapping[str, Any]  # {name: array or its shape}


def rehearse(config: TrainConfig | AdaptConfig, *, resume: bool = False, force: bool = False) -> dict[str, Any]:
    """Finds what training under this config would need. Everything is checked as by training; nothing is written.

    Returns:
        Values for JSON: `introduction` (lines), `stages` {stage: what `demands` returns}, `available` (bytes of the
        device).
    Raises:
        InputError: what training would raise before its first step.
    """
    plan = check_plan(config, resume=resume, force=force)
    warn_of_left_out(plan.images)
    states = {stage.name: state_shapes(plan, stage) for stage in plan.stages}
    trainable = {network: tree for state in states.values() for network, tree in state.trainable.items()}
    found = {
        stage.name: demands(
            stage.learner,
            states[stage.name],
            batch_of(stage.example, plan.batch * stage.learner.batches_per_step),
            plan.layout,
        )
        for stage in plan.stages
    }
    lines = introduction(plan, trainable)
    if isinstance(config, AdaptConfig) and config.select and not resume:
        lines.append(selection_line(config, _candidates(config, force=force)))
    return {"introduction": lines, "stages": found, "available": available()}


def check_plan(config: TrainConfig | AdaptConfig, *, resume: bool = False, force: bool = False) -> Plan:
    """Plans a run without computing anything; raises InputError for what cannot be trained.

    Of several candidates all are planned, and the first is returned.
    """
    if isinstance(config, AdaptConfig) and config.select and not resume:
        return _candidates(config, force=force)[0]
    if isinstance(config, AdaptConfig):
        return plan_adaptation(config, resume=resume, force=force, information=_unknown, draw=False)
    return plan_training(config, resume=resume, force=force)


def _candidates(config: AdaptConfig, *, force: bool) -> list[Plan]:
    return plan_candidates(config, force=force, information=_unknown, draw=False)


def demands(learner: Learner, state: TrainState, batch: Shapes, layout: Layout) -> dict[str, Any]:
    """Finds what a step of a learner needs.

    Args:
        learner: whose step it is.
        state: before it, arrays or their shapes.
        batch: {name: shape (n, ...)}, of one step.
        layout: of the devices that share it.
    Returns:
        Values for JSON: `parameters` {network: {name: shape}}, `trained` {network: numbers}, `bytes` {what: on each
        device}, `flops` of a step and of an image.
    """
    number, devices = next(iter(batch.values())).shape[0], layout.devices
    operations = jaxpr_cost.flops(learner.step, state, batch)
    parts = [field.name for field in dataclasses.fields(state) if field.name not in ("step", "key")]
    held = {part: size(getattr(state, part)) for part in parts}
    shared = devices if layout.shard_state else 1
    step = jaxpr_cost.peak_bytes(learner.step, state, batch)
    # What grows with the batch is shared; new parameters, which a step holds beside the old ones, are on every device.
    growing = jaxpr_cost.peak_bytes(learner.step, state, batch_of(batch, 2 * number)) - step
    activations = max(0, step - growing - sum(held.values())) // shared + growing // devices
    return {
        "parameters": {network: shapes(tree) for network, tree in state.trainable.items()},
        "trained": {network: count(tree) for network, tree in state.trainable.items()},
        "bytes": {part: held[part] // shared for part in held} | {"activations": activations},
        "flops": {"step": operations, "image": operations / number},
    }


def batch_of(example: Shapes, number: int) -> dict[str, jax.ShapeDtypeStruct]:
    """Returns the shapes of a batch of so many, like this one of any number."""
    return {name: jax.ShapeDtypeStruct((number, *part.shape[1:]), part.dtype) for name, part in example.items()}


def _unknown(run: Path, source: Model, examples: int) -> Networks:
    """Stands in for Fisher information, which would be computed and kept: only its form counts here."""
    return source.params()


def shapes(tree: Tree) -> dict[str, list[int]]:
    """Returns {name: shape} of the leaves."""
    return {name: list(leaf.shape) for name, leaf in flatten(tree).items()}


def size(tree: Tree) -> int:
    """Bytes of the leaves, arrays or shapes."""
    leaves = [leaf for leaf in jax.tree.leaves(tree) if not jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)]
    return sum(int(np.prod(leaf.shape)) * np.dtype(leaf.dtype).itemsize for leaf in leaves)


def described(found: dict[str, Any]) -> str:
    """Returns the same for people: a table for each stage."""
    stages = [line for stage in found["stages"].values() for line in (*demand_lines(stage, found["available"]), "")]
    return "\n".join([*found["introduction"], "", *stages, CLOSING])


def demand_lines(found: dict[str, Any], limit: int) -> list[str]:
    """Formats what `demands` found for people: a table of the parameters, a line of memory and one of work.

    Args:
        found: by `demands`.
        limit: bytes of a device.
    """
    rows = [
        (f"{network}/{name}", " x ".join(map(str, shape)) or "1", f"{int(np.prod(shape)):,}")
        for network, leaves in found["parameters"].items()
        for name, shape in leaves.items()
    ]
    rows += [(network, SUMMARY, f"{number:,}") for network, number in found["trained"].items()]
    held, total, work = found["bytes"], sum(found["bytes"].values()), found["flops"]
    memory = ", ".join(f"{part} {value / 1e6:.1f}" for part, value in held.items() if value > ROUNDED)
    return [
        table(("trained", "shape", "numbers"), rows),
        "",
        f"memory   about {total / 1e6:.1f} MB of {limit / 1e9:.1f} GB on each device: {memory}",
        f"work     {work['step'] / 1e9:.2f} GFLOP a step, {work['image'] / 1e6:.1f} MFLOP an image",
    ]
