"""Training states on disk: the latest two and the best, written whole or not at all. The one file that knows orbax."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import preservation_policy

from genjax.errors import InputError
from genjax.terminal import warn
from genjax.train.state import TrainState

METRIC = "score"  # lower is better


@contextmanager
def open_checkpoints(folder: Path) -> Iterator[ocp.CheckpointManager]:
    """The manager of a run's checkpoints: keeps the latest two and the one with the lowest score."""
    logging.getLogger("absl").setLevel(logging.ERROR)  # orbax warns of what is meant, such as a missing metric
    policy = preservation_policy.AnyPreservationPolicy(
        [
            preservation_policy.LatestN(2),
            preservation_policy.BestN(get_metric_fn=_score, reverse=True, n=1),
        ]
    )
    options = ocp.CheckpointManagerOptions(
        preservation_policy=policy, best_fn=_score, best_mode="min", enable_async_checkpointing=False
    )
    manager = ocp.CheckpointManager(folder.absolute(), options=options, item_names=("state", "position"))
    try:
        yield manager
    finally:
        manager.close()


def save(
    manager: ocp.CheckpointManager,
    state: TrainState,
    position: dict[str, Any],
    *,
    score: float = float("inf"),
) -> None:
    """Writes the state of this step; one that is there already is left as it is.

    Args:
        manager: from `open_checkpoints`.
        state: to be written.
        position: in the data, plain values.
        score: by which the best is chosen, lower is better; infinity where it was not measured.
    """
    step = int(state.step)
    if step not in manager.all_steps():
        items = ocp.args.Composite(state=ocp.args.StandardSave(state), position=ocp.args.JsonSave(position))
        manager.save(step, args=items, metrics={METRIC: score}, force=True)


def restore(manager: ocp.CheckpointManager, like: TrainState) -> tuple[TrainState, dict[str, Any]]:
    """The latest state that can be read, and its position; damaged ones are passed over, loudly.

    Args:
        manager: from `open_checkpoints`.
        like: a state of the same form, arrays or their shapes.
    Raises:
        InputError: no checkpoint, or none that is whole.
    """
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    abstract = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), like)
    items = ocp.args.Composite(state=ocp.args.StandardRestore(abstract), position=ocp.args.JsonRestore())
    steps = sorted(manager.all_steps(), reverse=True)
    for step in steps:
        try:
            found = manager.restore(step, args=items)
        except Exception as error:  # orbax raises whatever its storage raised; all of it means "not whole"
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            warn(f"checkpoint {step} is damaged and passed over: {reason[:200]}")
            continue
        return found["state"], found["position"]
    if steps:
        raise InputError(
            f"none of the checkpoints {', '.join(map(str, steps))} in {manager.directory} can be read. "
            "Start again with --force."
        )
    raise InputError(f"{manager.directory} holds no checkpoint to resume from. Start again with --force.")


def delete_after(manager: ocp.CheckpointManager, step: int) -> None:
    """Deletes the checkpoints beyond `step`: those that were passed over, so that training can write them anew."""
    for later in [found for found in manager.all_steps() if found > step]:
        manager.delete(later)


def _score(metrics: dict[str, float]) -> float:
    return metrics[METRIC]
