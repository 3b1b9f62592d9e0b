"""Training states on disk: the latest two and the best, written whole or not at all. The one file that knows orbax."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import preservation_policy

from genjax.errors import InputError
from genjax.terminal import warn
from genjax.train.processes import is_first, told
from genjax.train.run_folder import write_json
from genjax.train.state import TrainState

METRIC = "score"  # lower is better
Manager = ocp.CheckpointManager
SEAL = "genjax-sha256.json"  # what a checkpoint consists of, written last


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
        folder = Path(manager.directory) / str(step)
        if is_first():  # every process has written its part by now
            write_json(folder / SEAL, _hashes(folder))


def restore(manager: ocp.CheckpointManager, like: TrainState) -> tuple[TrainState, dict[str, Any]]:
    """The latest state that is whole, and its position; damaged ones are passed over, loudly.

    Args:
        manager: from `open_checkpoints`.
        like: a state of the same form, arrays or their shapes; where they have a sharding, so will what is read.
    Raises:
        InputError: no checkpoint, none that is whole, or one of another form.
    """
    return _read(manager, told(lambda: _latest_whole(manager)), like)


def _latest_whole(manager: ocp.CheckpointManager) -> int:
    steps = sorted(manager.all_steps(), reverse=True)
    for step in steps:
        problem = damage(Path(manager.directory) / str(step))
        if not problem:
            return step
        warn(f"checkpoint {step} is damaged and passed over: {problem}")
    if steps:
        raise InputError(
            f"none of the checkpoints {', '.join(map(str, steps))} in {manager.directory} is whole. "
            "Start again with --force."
        )
    raise InputError(f"{manager.directory} holds no checkpoint to resume from. Start again with --force.")


def latest(
    manager: ocp.CheckpointManager, like: TrainState, *, accept: Callable[[dict[str, Any]], bool]
) -> TrainState | None:
    """The latest whole state whose position is accepted; None without one."""
    whole = told(lambda: [step for step in manager.all_steps() if not damage(Path(manager.directory) / str(step))])
    for step in sorted(whole, reverse=True):
        state, position = _read(manager, step, like)
        if accept(position):
            return state
    return None


def damage(folder: Path) -> str:
    """What is wrong with the files of a checkpoint, found before any of it is used; empty when it is whole."""
    try:
        sealed = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        found = _hashes(folder)
    except (OSError, ValueError):
        return "it was not written to its end"
    if not isinstance(sealed, dict) or found == sealed:
        return "" if isinstance(sealed, dict) else "its seal cannot be read"
    unlike = sorted(name for name in {*found, *sealed} if found.get(name) != sealed.get(name))
    return f"{unlike[0]} is {'not what was written' if unlike[0] in found else 'missing'}"


def _read(manager: ocp.CheckpointManager, step: int, like: TrainState) -> tuple[TrainState, dict[str, Any]]:
    one = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    abstract = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding or one), like)
    items = ocp.args.Composite(state=ocp.args.StandardRestore(abstract), position=ocp.args.JsonRestore())
    try:
        found = manager.restore(step, args=items)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"checkpoint {step} in {manager.directory} is of another form ({str(error).splitlines()[0][:200]}). "
            "Resume it with the version of genjax that wrote it."
        ) from None
    return found["state"], found["position"]


def _hashes(folder: Path) -> dict[str, str]:
    """{path inside the folder: sha256} of all its files but the seal."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SEAL)
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def delete_after(manager: ocp.CheckpointManager, step: int) -> None:
    """Deletes the checkpoints beyond `step`: those that were passed over, so that training can write them anew."""
    for later in [found for found in manager.all_steps() if found > step]:
        manager.delete(later)


def _score(metrics: dict[str, float]) -> float:
    return metrics[METRIC]
