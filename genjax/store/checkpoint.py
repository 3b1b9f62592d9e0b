"""Training states on disk: the latest two and the latest sound one, whole or not at all; orbax is known here alone."""

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import preservation_policy

from genjax.devices.processes import is_first, told
from genjax.errors import InputError
from genjax.families.learner import TrainState
from genjax.store.run_folder import write_json
from genjax.terminal import reason, warn
from genjax.tree import flatten

SOUND = "sound"  # 1 where nothing was amiss
Manager = ocp.CheckpointManager
SEAL = "genjax-sha256.json"  # what a checkpoint consists of, written last
FORM = "form"  # in the notes of a checkpoint: the names and shapes of its state
SHOWN = 5  # differences in a message, of however many


class LatestSound(preservation_policy.PreservationPolicy):
    """Keeps the latest checkpoint of a step with nothing amiss: what a collapsed run goes back to."""

    def should_preserve(
        self, checkpoints: Sequence[preservation_policy.PolicyCheckpointInfo], *, context: Any
    ) -> Sequence[bool]:
        """Returns True for that one alone."""
        sound = [bool(_soundness(found.metrics)) for found in checkpoints]
        last = max((place for place, fine in enumerate(sound) if fine), default=-1)
        return [place == last for place in range(len(checkpoints))]


@contextmanager
def open_checkpoints(folder: Path) -> Iterator[ocp.CheckpointManager]:
    """Opens the manager of a run's checkpoints. It keeps the latest two and the latest sound one."""
    # orbax warns of what is meant, such as a missing metric, and logs the errors that are said in a line here.
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    policy = preservation_policy.AnyPreservationPolicy([preservation_policy.LatestN(2), LatestSound()])
    options = ocp.CheckpointManagerOptions(
        preservation_policy=policy, best_fn=_soundness, enable_async_checkpointing=False
    )
    try:
        manager = _manager(folder.absolute(), options)
    except OSError:  # of the disk, which `storage` explains
        raise
    except Exception as error:
        raise InputError(f"the checkpoints in {folder} cannot be opened ({reason(error)}). Use --force.") from None
    try:
        yield manager
    finally:
        manager.close()


def _manager(folder: Path, options: ocp.CheckpointManagerOptions) -> ocp.CheckpointManager:
    """Opens a manager, which reads parts of every checkpoint before anyone asks what is whole."""
    try:
        return ocp.CheckpointManager(folder, options=options, item_names=("state", "position"))
    except Exception:
        damaged = [path for path in on_disk(folder) if damage(path)]
        if not damaged:
            raise
    for path in damaged:
        _set_aside(path)
    return ocp.CheckpointManager(folder, options=options, item_names=("state", "position"))


def _set_aside(path: Path) -> None:
    """Leaves of a damaged checkpoint nothing but the seal, by which it is known as damaged."""
    aside = path.with_name(f"{path.name}.damaged")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    for part in path.iterdir():
        if part.name != SEAL:
            part.rename(aside / part.name)


def save(manager: ocp.CheckpointManager, state: TrainState, position: dict[str, Any]) -> None:
    """Writes the state of this step; one that is there already is left as it is.

    Args:
        manager: from `open_checkpoints`.
        state: to be written.
        position: in the data, and what else a resumed run must know; plain values. `sound` false: one does not come
            back to this step after a collapse.
    """
    step = int(state.step)
    if step not in manager.all_steps():
        notes = {**position, FORM: form(state)}
        items = ocp.args.Composite(state=ocp.args.StandardSave(state), position=ocp.args.JsonSave(notes))
        measured = {SOUND: float(position.get(SOUND, True))}
        manager.save(step, args=items, metrics=measured, force=True)
        folder = Path(manager.directory) / str(step)
        if is_first():  # every process has written its part by now
            write_json(folder / SEAL, _hashes(folder))


def restore(manager: ocp.CheckpointManager, like: TrainState) -> tuple[TrainState, dict[str, Any]] | None:
    """Reads the latest state that is whole, and its position; damaged ones are passed over, loudly.

    None where no checkpoint has been finished yet: a run that was killed so early begins anew and loses nothing.

    Args:
        manager: from `open_checkpoints`.
        like: a state of the same form, arrays or their shapes; where they have a sharding, so will what is read.
    Raises:
        InputError: checkpoints of which none is whole any more, or one of another form.
    """
    step = told(lambda: _latest_whole(manager))
    return None if step is None else _read(manager, step, like)


def _latest_whole(manager: ocp.CheckpointManager) -> int | None:
    steps = sorted(manager.all_steps(), reverse=True)
    for step in steps:
        problem = damage(Path(manager.directory) / str(step))
        if not problem:
            return step
        warn(f"checkpoint {step} is damaged and passed over: {problem}")
    if any((Path(manager.directory) / str(step) / SEAL).exists() for step in steps):
        raise InputError(
            f"none of the checkpoints {', '.join(map(str, steps))} in {manager.directory} is whole. "
            "Delete that folder, and --resume begins there at step 0; --force begins the whole run again."
        )
    return None


def latest(
    manager: ocp.CheckpointManager, like: TrainState, *, accept: Callable[[dict[str, Any]], bool]
) -> TrainState | None:
    """Reads the latest whole state whose position is accepted; None without one."""
    whole = told(lambda: [step for step in manager.all_steps() if not damage(Path(manager.directory) / str(step))])
    for step in sorted(whole, reverse=True):
        state, position = _read(manager, step, like)
        if accept(position):
            return state
    return None


def on_disk(folder: Path) -> list[Path]:
    """Returns the folders of a run's checkpoints, whole or not, the oldest first."""
    found = [path for path in folder.glob("*") if path.name.isdigit()] if folder.is_dir() else []
    return sorted(found, key=lambda path: int(path.name))


def damage(folder: Path) -> str:
    """Describes the damage of a checkpoint, found before any of it is used; empty when it is whole."""
    try:
        sealed = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        found = _hashes(folder)
    except (OSError, ValueError, RecursionError):
        return "it was not written to its end"
    if not isinstance(sealed, dict) or found == sealed:
        return "" if isinstance(sealed, dict) else "its seal cannot be read"
    unlike = sorted(name for name in {*found, *sealed} if found.get(name) != sealed.get(name))
    return f"{unlike[0]} is {'not what was written' if unlike[0] in found else 'missing'}"


def _read(manager: ocp.CheckpointManager, step: int, like: TrainState) -> tuple[TrainState, dict[str, Any]]:
    """Reads a checkpoint whose files are whole. Its form is compared before any of the state is read."""
    try:
        position = manager.restore(step, args=ocp.args.Composite(position=ocp.args.JsonRestore()))["position"]
        unlike = differing(position.pop(FORM, {}), form(like))
    except Exception as error:  # whatever orbax raises on what it did not write
        raise _unreadable(manager, step, error) from None
    if unlike:
        raise InputError(
            f"checkpoint {step} in {manager.directory} is of another form: {unlike}. "
            "Resume it with the version of genjax that wrote it, or start again with --force."
        )
    one = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    abstract = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding or one), like)
    try:
        found = manager.restore(step, args=ocp.args.Composite(state=ocp.args.StandardRestore(abstract)))
    except Exception as error:
        raise _unreadable(manager, step, error) from None
    return found["state"], position


def form(state: TrainState) -> dict[str, str]:
    """Returns {name: type and shape} of all that a state consists of."""
    return {name: f"{leaf.dtype} {tuple(leaf.shape)}" for name, leaf in flatten(state).items()}


def differing(stored: dict[str, str], expected: dict[str, str]) -> str:
    """Names the parts in which two forms differ; empty where they are one, or where an old checkpoint has not said."""
    if not stored:
        return ""
    lines = [f"{name} is missing" for name in expected if name not in stored]
    lines += [f"{name} is not known" for name in stored if name not in expected]
    both = [name for name in stored if name in expected and stored[name] != expected[name]]
    lines += [f"{name} is {stored[name]}, expected {expected[name]}" for name in both]
    return "; ".join(lines[:SHOWN]) + (f"; and {len(lines) - SHOWN} more" if len(lines) > SHOWN else "")


def _unreadable(manager: ocp.CheckpointManager, step: int, error: Exception) -> InputError:
    return InputError(
        f"checkpoint {step} in {manager.directory} cannot be read ({reason(error)}). "
        "Resume it with the version of genjax that wrote it, or start again with --force."
    )


def _hashes(folder: Path) -> dict[str, str]:
    """Returns {path inside the folder: sha256} of all its files but the seal."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SEAL)
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def delete_after(manager: ocp.CheckpointManager, step: int) -> None:
    """Deletes the checkpoints beyond `step`: those that were passed over, so that training can write them anew."""
    for later in [found for found in manager.all_steps() if found > step]:
        manager.delete(later)


def _soundness(metrics: Any) -> float:
    """Returns 1 for a checkpoint in which nothing was amiss; its metrics may be damaged."""
    return float(not isinstance(metrics, dict) or bool(metrics.get(SOUND, 1)))
