"""Stages of a model that is trained in several: a learner, its batches, and a folder to stop in and go on from.

A stage that has come to its end is not trained again. `loop.py` has the story of a run that is one stage, with its
pictures, evaluations and processes; a stage has only what several in a row need.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import Any, NamedTuple

import jax
import numpy as np

from genjax.devices import memory
from genjax.devices.dispatch import make_update
from genjax.devices.sharding import Layout, place, placed_like, whole
from genjax.errors import InputError
from genjax.families.chunks import in_chunks
from genjax.families.learner import Batch, Learner, Networks, TrainState, exported
from genjax.store import checkpoint
from genjax.store import disk_errors as storage
from genjax.store.lock import locked
from genjax.store.metrics import open_metrics
from genjax.store.run_folder import RunFolder, begin, prepare_resumed_stages
from genjax.store.stage_files import finished, save_stage
from genjax.terminal import progress, warn
from genjax.training.interruption import Interruption, interruptible
from genjax.training.recovery import autopsy, skips, stuck
from genjax.tree import Tree

ONE_DEVICE = Layout()
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


class Ended(NamedTuple):
    """How a stage ended; without either, it is done.

    Attributes:
        signal: that stopped it before its end.
        collapse: why it was given up, in a line.
    """

    signal: Signals | None = None
    collapse: str = ""

    @property
    def done(self) -> bool:
        """Whether the stage came to its end."""
        return self.signal is None and not self.collapse


@contextmanager
def sitting(folder: Path, described: dict[str, Any] | None, *, force: bool = False) -> Iterator[Interruption]:
    """From one start to its stop: the folder is locked, its disk is watched, and a signal is noted until a step ends.

    Args:
        folder: of the whole model.
        described: what config.json is to hold; None goes on with what is there.
        force: delete a run that is in the folder.
    Yields:
        What says whether to stop, for `run_stage`.
    Raises:
        InputError: the folder is taken, in use by another process, or holds a link out of it.
        StorageError: its disk cannot be written.
    """
    run = RunFolder(folder)
    with (
        locked(folder),
        storage.watched(run, way_on="go on with --resume: the stages that are done are whole"),
        interruptible() as interruption,
    ):
        if described is None:
            prepare_resumed_stages(folder)
        else:
            begin(run, described, force=force)
        yield interruption


def run_stage(
    folder: Path,
    stage: Stage,
    interruption: Interruption,
    *,
    seed: int,
    log_every: int,
    save_every: int,
    layout: Layout = ONE_DEVICE,
) -> Ended:
    """Trains a stage to its end, from where it was stopped.

    Args:
        folder: of the whole model, inside its `sitting`.
        stage: what is trained.
        interruption: of the sitting.
        seed: of its parameters and its steps.
        log_every: steps between lines of its metrics.jsonl.
        save_every: steps between its checkpoints.
        layout: of the devices that share its batches.
    Raises:
        InputError: the stage in the folder belongs to other parts, or its batch does not fit into memory.
    """
    run = RunFolder(folder / stage.name)
    if finished(folder, stage.name, stage.belongs_to):
        return Ended()
    if interruption.asked():
        return Ended(interruption.signal)
    run.path.mkdir(parents=True, exist_ok=True)
    with checkpoint.open_checkpoints(run.checkpoints) as checkpoints:
        example: dict[str, Any] = {**stage.batch(0)}

        init, key = jax.jit(stage.learner.init), jax.random.key(seed)
        like = placed_like(layout, jax.eval_shape(init, key, example, source=stage.source))
        with memory.watched(stage.learner, like, example, stage.images):
            found = checkpoint.restore(checkpoints, like)
            fresh = lambda: place(layout, init(key, example, source=stage.source))  # noqa: E731
            state, notes = found or (fresh(), {SETTINGS: stage.belongs_to})
            if notes[SETTINGS] != stage.belongs_to:
                raise InputError(f"{run.path} was begun with other parts. Delete that folder, and go on.")
            checkpoint.delete_after(checkpoints, int(state.step))
            step, update, before = int(state.step), make_update(stage.learner, layout, like), None
            with (
                open_metrics(run, step=step) as metrics,
                progress(stage.name, done=step * stage.images, total=stage.steps * stage.images) as bar,
            ):
                while step < stage.steps and not interruption.asked():
                    state, measured = update(state, stage.batch(step))
                    jax.block_until_ready(before)  # no more than a step ahead: a stop would wait for all of them
                    before = measured
                    step += 1
                    bar.update(stage.images)
                    last = step == stage.steps or interruption.asked()
                    if last or step % log_every == 0:
                        metrics.write(step, measured)
                        if stuck(measured):
                            return Ended(collapse=f"{stage.name} was {autopsy(step, measured)}")
                    if last and skips(measured):
                        warn(skips(measured))
                    if last or step % save_every == 0:
                        checkpoint.save(checkpoints, state, notes)
        if step < stage.steps:
            return Ended(interruption.signal)
        save_stage(
            folder, stage.name, parameters(stage.learner, whole(layout, state)), step=step, belongs_to=stage.belongs_to
        )
    return Ended()


def parameters(learner: Learner, state: TrainState) -> Tree:
    """What the network is applied with, averaged where an average is kept. It needs no source."""
    trees = exported(state)
    ((name, transfer),) = learner.transfers.items()
    return transfer.params(trees[name], state.context[name])


def encoded(encode: Callable[[Any, Any], Any], params: Any, images: Any, *, chunk: int = 256) -> np.ndarray:
    """The tokens of all images of a set, int32 (n, places), found once.

    Args:
        encode: (parameters, images) -> tokens.
        params: of the tokenizer.
        images: uint8 (n, h, w, c), or what decodes them when indexed.
        chunk: images at once.
    """
    return in_chunks(jax.jit(functools.partial(encode, params)), images, chunk=chunk).astype(np.int32)
