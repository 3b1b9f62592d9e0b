"""Judges of the text-to-image experiment: networks that are trained apart from the model, each in a folder of its own.

Stopped at any step, a judge goes on from its last checkpoint; one that is done is not trained again.
"""

import hashlib
from pathlib import Path
from signal import Signals
from typing import Any, NamedTuple

import jax
import numpy as np
import safetensors.numpy

from genjax.data.batches import Columns, batch_indices
from genjax.devices.dispatch import make_dispatch
from genjax.devices.sharding import Layout
from genjax.errors import InputError
from genjax.families.learner import Learner, TrainState, exported
from genjax.json_config import read_json
from genjax.store import checkpoint, disk_errors
from genjax.store.lock import locked
from genjax.store.metrics import open_metrics
from genjax.store.run_folder import RunFolder, prepare_resumed, write_bytes, write_json
from genjax.terminal import progress
from genjax.training.interruption import Interruption, interruptible
from genjax.training.recovery import autopsy, stuck
from genjax.tree import Tree, flatten, unflatten

LOG_EVERY, SAVE_EVERY = 50, 500


class Judge(NamedTuple):
    """Network that judges, and what it is trained on.

    Attributes:
        name: name of its folder.
        learner: learner of one network.
        columns: {name: rows (N, ...)}, from which batches are taken.
        steps: updates.
        needs: {part: sha256} of what was trained before, without which it is of no use.
    """

    name: str
    learner: Learner
    columns: Columns
    steps: int
    needs: dict[str, str]


def train_judges(folder: Path, judges: tuple[Judge, ...], *, seed: int, batch: int) -> Signals | None:
    """Trains each judge to its end, from where it was stopped; returns the signal that stopped one, or None.

    Raises:
        InputError: a judge has collapsed, or what is in its folder belongs to another model.
    """
    folders = [RunFolder(folder / judge.name) for judge in judges]
    with (
        locked(folder),
        disk_errors.watched(RunFolder(folder), stages=folders),
        interruptible() as interruption,
    ):
        for judge in judges:
            if not is_done(folder, judge):
                ended = train_judge(RunFolder(folder / judge.name), judge, interruption, seed=seed, batch=batch)
                if ended is not None:
                    return ended
    return None


def is_done(folder: Path, judge: Judge) -> bool:
    """Tests if a judge has come to its end.

    Raises:
        InputError: it has, with other parts than these.
    """
    path = folder / judge.name / "model.json"
    if not path.exists():
        return False
    check_needs(path.parent, judge, read_json(path).get("needs"))
    return True


def check_needs(folder: Path, judge: Judge, needs: Any) -> None:
    """Raises InputError unless a judge was trained with these parts."""
    if needs != judge.needs:
        raise InputError(f"{folder} was begun with another model. Delete that folder, and go on.")


def train_judge(run: RunFolder, judge: Judge, interruption: Interruption, *, seed: int, batch: int) -> Signals | None:
    """Trains one judge; returns the signal that stopped it, or None."""
    run.path.mkdir(parents=True, exist_ok=True)
    prepare_resumed(run)
    number = len(next(iter(judge.columns.values())))

    def rows(step: int) -> np.ndarray:
        return batch_indices(number, batch, seed, step)

    example = {name: values[rows(0)] for name, values in judge.columns.items()}
    first = jax.jit(lambda: judge.learner.init(jax.random.key(seed), example))
    like = jax.eval_shape(first)
    with checkpoint.open_checkpoints(run.checkpoints) as checkpoints:
        state, notes = checkpoint.restore(checkpoints, like) or (first(), {"needs": judge.needs})
        check_needs(run.path, judge, notes["needs"])
        checkpoint.delete_after(checkpoints, int(state.step))
        step, dispatch = int(state.step), make_dispatch(judge.learner, judge.columns, Layout(), like)
        with (
            open_metrics(run, step=step) as metrics,
            progress(judge.name, done=step * batch, total=judge.steps * batch) as bar,
        ):
            while step < judge.steps and not interruption.asked():
                state, measured = dispatch.update(state, dispatch.feed(rows(step)[None]))
                step += 1
                bar.update(batch)
                last = step == judge.steps or interruption.asked()
                if last or step % LOG_EVERY == 0:
                    metrics.write(step, measured)
                    if stuck(measured):
                        raise InputError(f"{judge.name} was {autopsy(step, measured)}")
                if last or step % SAVE_EVERY == 0:
                    checkpoint.save(checkpoints, state, {"needs": judge.needs})
    if step < judge.steps:
        return interruption.signal
    save_judge(run.path, judge, state)
    return None


def save_judge(folder: Path, judge: Judge, state: TrainState) -> None:
    """Writes a judge's parameters, averaged where an average is kept; its model.json comes last."""
    ((network, transfer),) = judge.learner.transfers.items()
    params = transfer.params(exported(state)[network], state.context[network])
    content = safetensors.numpy.save({name: np.asarray(leaf) for name, leaf in flatten(params).items()})
    file = f"{judge.name}.safetensors"
    write_bytes(folder / file, content)
    sha256 = hashlib.sha256(content).hexdigest()
    write_json(folder / "model.json", {"file": file, "sha256": sha256, "step": judge.steps, "needs": judge.needs})


def load_judge(folder: Path, name: str) -> Tree:
    """Loads the parameters of a judge.

    Raises:
        InputError: not there, or damaged.
    """
    path = folder / name / f"{name}.safetensors"
    if not (path.parent / "model.json").exists():
        raise InputError(f"{folder} has no trained {name}. Start the experiment again, and it goes on.")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != judge_sha256(folder, name):
        raise InputError(f"{path} is damaged. Delete {path.parent}, and start the experiment again.")
    return unflatten({key: jax.device_put(leaf) for key, leaf in safetensors.numpy.load(content).items()})


def judge_sha256(folder: Path, name: str) -> str:
    """Reads the sha256 of a judge's parameters."""
    return str(read_json(folder / name / "model.json")["sha256"])
