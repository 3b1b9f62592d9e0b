"""One stage of a model that is trained in several: a learner, its batches, and a folder to stop in and go on from.

A stage that has come to its end is not trained again. `loop.py` has the story of a run that is one stage, with its
pictures, evaluations and devices; a stage has only what several in a row need.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import Any

import jax
import numpy as np

from genjax.errors import InputError
from genjax.terminal import progress
from genjax.train import checkpoint, storage
from genjax.train.chunks import in_chunks
from genjax.train.interruption import interruptible
from genjax.train.metrics import open_metrics
from genjax.train.run_folder import RunFolder
from genjax.train.stage_files import finished, save_stage
from genjax.train.state import Batch, Learner, Networks, TrainState, exported

SETTINGS = "settings"  # in the notes of a checkpoint: what every step of the stage depends on


@dataclass(frozen=True)
class Stage:
    """What is trained.

    Attributes:
        name: of its folder, and of the network in it.
        learner: how.
        steps: until it is done.
        batch: the batch of a step.
        images: in a batch, for the progress bar.
        belongs_to: {part: sha256} of what was trained before and what this stage is of no use without.
        source: parameters to begin from; None to begin afresh.
    """

    name: str
    learner: Learner
    steps: int
    batch: Callable[[int], Batch]
    images: int
    belongs_to: dict[str, str]
    source: Networks | None = None


def run_stage(folder: Path, stage: Stage, *, seed: int, log_every: int, save_every: int) -> Signals | None:
    """Trains a stage to its end, from where it was stopped; the signal that stopped it again, or None when it is done.

    Args:
        folder: of the whole model, under its lock.
        stage: what is trained.
        seed: of its parameters and its steps.
        log_every: steps between lines of its metrics.jsonl.
        save_every: steps between its checkpoints.
    Raises:
        InputError: the stage in the folder belongs to other parts.
    """
    place = RunFolder(folder / stage.name)
    if finished(folder, stage.name, stage.belongs_to):
        return None
    place.path.mkdir(parents=True, exist_ok=True)
    with (
        storage.watched(place),
        checkpoint.open_checkpoints(place.checkpoints) as checkpoints,
        interruptible() as interruption,
    ):
        found = checkpoint.restore(checkpoints, jax.eval_shape(lambda: first_state(stage, seed)))
        state, notes = found or (jax.jit(lambda: first_state(stage, seed))(), {SETTINGS: stage.belongs_to})
        if notes[SETTINGS] != stage.belongs_to:
            raise InputError(f"{place.path} was begun with other parts. Start again with --force.")
        checkpoint.delete_after(checkpoints, int(state.step))
        step, update = int(state.step), jax.jit(stage.learner.step, donate_argnums=0)
        with (
            open_metrics(place, step=step) as metrics,
            progress(stage.name, done=step * stage.images, total=stage.steps * stage.images) as bar,
        ):
            while step < stage.steps and not interruption.asked():
                state, measured = update(state, stage.batch(step))
                step += 1
                bar.update(stage.images)
                last = step == stage.steps or interruption.asked()
                if last or step % log_every == 0:
                    metrics.write(step, measured)
                if last or step % save_every == 0:
                    checkpoint.save(checkpoints, state, notes)
        if step < stage.steps:
            return interruption.signal
        save_stage(folder, stage.name, parameters(stage.learner, state), step=step, belongs_to=stage.belongs_to)
    return None


def first_state(stage: Stage, seed: int) -> TrainState:
    """Before the first step."""
    return stage.learner.init(jax.random.key(seed), stage.batch(0), source=stage.source)


def parameters(learner: Learner, state: TrainState) -> Any:
    """What the network is applied with, averaged where an average is kept. It needs no source."""
    trees = exported(state)
    return {name: transfer.params(trees[name], state.context[name]) for name, transfer in learner.transfers.items()}


def encoded(encode: Callable[[Any, Any], Any], params: Any, images: Any, *, chunk: int = 256) -> np.ndarray:
    """The tokens of all images of a set, int32 (n, places), found once."""
    return in_chunks(jax.jit(functools.partial(encode, params)), images, chunk=chunk).astype(np.int32)
