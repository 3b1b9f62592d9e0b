"""The story of a run: build, start (fresh, transferred or resumed), step, log, evaluate, save."""

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import Signals
from typing import Any

import jax
import numpy as np

from genjax.config import AdaptConfig, TrainConfig
from genjax.data.batches import batch_indices, position
from genjax.devices import allocator, memory
from genjax.devices.backend import on_cpu
from genjax.devices.dispatch import make_dispatch
from genjax.devices.prefetch import AHEAD, prefetched
from genjax.devices.processes import is_first, together
from genjax.devices.sharding import place, placed_like, whole
from genjax.errors import InputError
from genjax.families.learner import TrainState
from genjax.store import checkpoint
from genjax.store import disk_errors as storage
from genjax.store.lock import locked
from genjax.store.metrics import open_metrics, read_metrics
from genjax.store.model import save_model
from genjax.store.run_folder import RunFolder, begin, prepare_resumed, read_config
from genjax.terminal import progress, say, warn
from genjax.training.interruption import interruptible
from genjax.training.plan import Plan, described, introduction, kept_settings, plan_adaptation, plan_training
from genjax.training.preview import make_observer
from genjax.training.recovery import autopsy, collapsed, roll_back, skips, sound
from genjax.training.resume import check_data, check_settings, check_source
from genjax.tree import Tree, copy


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        folder: of the run.
        state: after the last step.
        signal: that stopped it before its end; None when it is done.
        collapse: what was seen when the collapse guard gave it up, in a line; empty when it did not.
    """

    folder: RunFolder
    state: TrainState = field(repr=False)
    signal: Signals | None = None
    collapse: str = ""

    @property
    def evaluations(self) -> int:
        """How many evaluations along training there were."""
        return sum(any(name.startswith("evaluate/") for name in line) for line in read_metrics(self.folder.metrics))


def train(config: TrainConfig, *, resume: bool = False, force: bool = False) -> Outcome:
    """Pretrains a model on a set of images, into the folder `config.out`.

    Args:
        config: what to train on what.
        resume: go on with the run in that folder, up to `config.steps` in all.
        force: delete a run that is in that folder.
    Raises:
        InputError: anything that cannot be used, before the first compile.
    """
    plan = together(lambda: plan_training(config, resume=resume, force=force))
    with writing(plan.folder.path):
        return fit(plan, resume=resume, force=force)


def adapt(config: AdaptConfig, *, resume: bool = False, force: bool = False) -> Outcome:
    """Adapts the model of the run `config.source` to another set, into the folder `config.out`.

    Arguments and errors as in `train`.
    """
    plan = together(lambda: plan_adaptation(config, resume=resume, force=force))
    with writing(plan.folder.path):
        return fit(plan, resume=resume, force=force)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Holds the lock of a run's folder, in the process that writes; what is refused there is refused in all."""
    with ExitStack() as stack:
        together(lambda: stack.enter_context(locked(folder)) if is_first() else None)
        yield


def introduce(plan: Plan, trainable: Tree) -> None:
    """Says what is about to be trained, and what will be slow."""
    for line in introduction(plan, trainable):
        say(line)
    loops = {"--accumulate": plan.config.accumulate, "--steps-per-dispatch": plan.config.steps_per_dispatch}
    asked = [name for name, times in loops.items() if times > 1]
    if asked and on_cpu():
        warn(
            f"{' and '.join(asked)}: a loop on the device, in which a CPU convolves on one thread. Leave out for speed"
        )


def fit(plan: Plan, *, resume: bool = False, force: bool = False) -> Outcome:
    """Trains up to `plan.config.steps`, under the lock; leaves checkpoints to resume from and a model to use."""
    config, learner, folder, layout = plan.config, plan.learner, plan.folder, plan.layout
    batch, first = plan.batch * learner.batches_per_step, is_first()
    data_hash = plan.images.content_hash()

    def prepare() -> None:
        if resume:
            prepare_resumed(folder)
        else:
            begin(folder, described(plan, data_hash), force=force)

    def following(step: int) -> int:
        return min(step + config.steps_per_dispatch - step % config.steps_per_dispatch, config.steps)

    def batches(step: int) -> Any:
        steps = range(step, following(step))
        return dispatch.feed(np.stack([batch_indices(len(plan.images), batch, config.seed, one) for one in steps]))

    together(lambda: prepare() if first else None)
    with (
        storage.watched(folder),
        checkpoint.open_checkpoints(folder.checkpoints) as checkpoints,
        interruptible() as interruption,
    ):
        found = checkpoint.restore(checkpoints, state_like(plan)) if resume else None
        if resume and found is None and first:
            warn("no checkpoint had been finished yet: it begins at step 0 again")
        state, notes = found or (place(layout, fresh_state(plan)), {})
        if resume:
            together(lambda: check_continued(plan, notes, data_hash))
            checkpoint.delete_after(checkpoints, int(state.step))
        step, best = int(state.step), notes.get("best", float("inf"))
        if step > config.steps:
            raise InputError(f"{folder.path} is at step {step} already. Use --steps {step} or more.")
        if first:
            introduce(plan, state.trainable)

        parts = learner.batches_per_step * config.accumulate
        dispatch = make_dispatch(learner, plan.images.images, layout, state, parts=parts)
        observe = make_observer(plan)
        with (
            memory.watched(learner, state, example_batch(plan), plan.batch, parts=config.accumulate),
            open_metrics(folder, step=step, keep=first) as metrics,
            progress(folder.path.name, done=step * batch, total=config.steps * batch, show=first) as bar,
            prefetched(batches, following=following, last=config.steps, ahead=AHEAD * dispatch.decodes) as batch_of,
        ):
            stopping, before = False, None
            while step < config.steps and not stopping:
                state, measured = dispatch.update(state, batch_of(step))
                jax.block_until_ready(before)  # no more than a dispatch ahead: a stop would wait for all of them
                before = measured
                bar.update((following(step) - step) * batch)
                step = following(step)
                stopping = interruption.asked()  # once a step: a later signal waits for the next
                done = step == config.steps
                last = done or stopping

                if (last or step % config.log_every == 0) and collapsed(measured):
                    sounder = roll_back(plan, checkpoints, state, lambda: fresh_state(plan))
                    if sounder is None:
                        metrics.write(step, measured)
                        return Outcome(folder, whole(layout, state), collapse=autopsy(step, measured))
                    if first:
                        say(f"collapsed at step {step}: back to step {int(sounder.step)} with lower learning rates")
                    state, step = sounder, int(sounder.step)
                    metrics.rewind(step)
                    bar.update(step * batch - bar.n)
                    continue
                if last or step % config.log_every == 0:
                    metrics.write(step, measured)
                if last and first and skips(measured):
                    warn(skips(measured))
                if last or step % config.sample_every == 0:
                    observe.picture(state, step, metrics)
                score = float("inf")
                if plan.held_out and (done or step % config.evaluate_every == 0):
                    score = observe.score(state, step, metrics)
                if last or step % config.save_every == 0 or score < best:
                    store(plan, state, "latest", *(["best"] if score < best else []))
                    best = min(best, score)
                    reached = position(len(plan.images), batch, step)._asdict() | {"config": kept_settings(config)}
                    notes = {**reached, "best": best, "data_hash": data_hash, "sound": sound(measured)}
                    notes |= {"source": plan.source.identity if plan.source else ""}
                    checkpoint.save(checkpoints, state, notes, score=score)
                    allocator.give_back()
    return Outcome(folder, whole(layout, state), None if step >= config.steps else interruption.signal)


def check_continued(plan: Plan, notes: dict[str, Any], data_hash: str) -> None:
    """Raises InputError unless the run goes on as it was begun; without a checkpoint, its config.json says how."""
    check_settings(notes, plan)
    check_data(notes or read_config(plan.folder), data_hash, plan)
    check_source(notes, plan)


def fresh_state(plan: Plan) -> TrainState:
    """The state before the first step, of a pretraining or of an adaptation."""
    source = plan.source.params() if plan.source else None
    state = jax.jit(plan.learner.init)(jax.random.key(plan.config.seed), example_batch(plan), source=source)
    return state if plan.control is None else dataclasses.replace(state, control=copy(plan.control))


def state_like(plan: Plan) -> TrainState:
    """The shapes of a state of this run, and how it lies on the devices."""
    return placed_like(plan.layout, jax.eval_shape(lambda: fresh_state(plan)))


def example_batch(plan: Plan) -> dict[str, np.ndarray]:
    """A batch of one image."""
    return {"image": plan.images.images[np.zeros(1, np.int64)]}


def store(plan: Plan, state: TrainState, *kinds: str) -> None:
    """Writes the model: latest, best or both."""
    kept = whole(plan.layout, state)
    for which in kinds if is_first() else ():
        save_model(plan.folder.path, plan.model, kept, plan.learner.transfers, origin=plan.origin, which=which)
