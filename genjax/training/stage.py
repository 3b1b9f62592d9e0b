"""The training loop of a stage: start (fresh, transferred or resumed), step, log, evaluate, save."""

import dataclasses
from collections.abc import Callable
from signal import Signals
from typing import Any, NamedTuple

import jax
import numpy as np

from genjax.data import Dataset
from genjax.data.batches import batch_indices, position
from genjax.devices import allocator, memory
from genjax.devices.dispatch import Fed, make_dispatch
from genjax.devices.prefetch import AHEAD, prefetched
from genjax.devices.processes import is_first, together, told
from genjax.devices.sharding import place, placed_like, whole
from genjax.families.family import Stage
from genjax.families.learner import Networks, TrainState, exported
from genjax.store import checkpoint
from genjax.store.averages import delete_averages_after, is_due, keep_averages
from genjax.store.description import best_score
from genjax.store.metrics import Metrics, evaluated, open_metrics
from genjax.store.migrations import FORMAT
from genjax.store.model import save_model
from genjax.store.run_config import kept_settings
from genjax.store.run_folder import RunFolder
from genjax.terminal import progress, say, warn
from genjax.training.interruption import Interruption
from genjax.training.plan import Plan
from genjax.training.preview import Observer, make_observer, unimproved
from genjax.training.recovery import autopsy, collapsed, roll_back, skips, sound
from genjax.training.resume import check_continued
from genjax.tree import content_hash, copy


class Ended(NamedTuple):
    """The end of a stage; without signal or collapse, it is done.

    Attributes:
        state: after its last step.
        params: {network: params} of its networks, averaged where an average is kept.
        signal: that stopped it before its end.
        collapse: why it was given up, in a line.
    """

    state: TrainState
    params: Networks
    signal: Signals | None = None
    collapse: str = ""

    @property
    def done(self) -> bool:
        """Returns True if the stage came to its end."""
        return self.signal is None and not self.collapse


def run_stage(
    plan: Plan,
    stage: Stage,
    like: TrainState,
    finished: Networks,
    interruption: Interruption,
    *,
    resume: bool,
    data_hash: str,
) -> Ended:
    """Trains a stage to its end, from where it was stopped.

    Args:
        plan: of the run.
        stage: that is trained.
        like: shapes of its state.
        finished: {network: params} of the stages before it.
        interruption: says whether to stop.
        resume: go on from the latest checkpoint.
        data_hash: of the images.
    Raises:
        InputError: the stage in the folder belongs to another run, or its batch does not fit into memory.
    """
    folder, layout, config = plan.stage_folder(stage), plan.layout, plan.config
    needs = {name: content_hash(finished[name]) for name in stage.needs}
    together(lambda: folder.samples.mkdir(parents=True, exist_ok=True) if is_first() else None)
    with checkpoint.open_checkpoints(folder.checkpoints) as checkpoints:
        found = checkpoint.restore(checkpoints, placed_like(layout, like)) if resume else None
        if resume and found is None and is_first() and len(plan.stages) == 1:
            warn("no checkpoint had been finished yet: it begins at step 0 again")
        state, notes = found or (place(layout, fresh_state(plan, stage)), {})
        if resume:
            together(lambda: check_continued(plan, notes, data_hash, needs))
            checkpoint.delete_after(checkpoints, int(state.step))
            together(lambda: delete_averages_after(folder, int(state.step)) if is_first() else None)
        if not stage.steps and not (folder.model() / "model.json").exists():  # the networks of the source, as they are
            store(plan, stage, folder, state, needs)
        saved = {
            "data_hash": data_hash,
            "images": len(plan.images),
            "needs": needs,
            "config": kept_settings(config),
            "format": FORMAT,
        }
        saved["source"] = plan.source.identity if plan.source else ""
        best = told(lambda: min(float(notes.get("best", "inf")), best_score(folder)))
        loop = _Loop(plan, stage, folder, finished, interruption, saved, needs, best)
        step = int(state.step)
        owed = loop.scored_at(step) and not told(lambda: evaluated(folder.metrics, step))
        if step == stage.steps and not owed:
            return _ended(plan, stage, state)
        return loop.run(checkpoints, state, owed=owed)


class _Loop(NamedTuple):
    """The loop over the steps of a stage: all that stays the same while it runs."""

    plan: Plan
    stage: Stage
    folder: RunFolder
    finished: Networks
    interruption: Interruption
    saved: dict[str, Any]
    needs: dict[str, str]
    best: float

    def scored_at(self, step: int) -> bool:
        """Returns True if the stage is evaluated after this step; an adaptation is before the first, as its source."""
        if self.plan.held_out is None or self.stage.preview is None or not self.stage.steps:
            return False
        if not step:
            return self.plan.source is not None
        return step == self.stage.steps or step % self.plan.config.evaluate_every == 0

    def following(self, step: int) -> int:
        """Returns the step at which the dispatch that begins at `step` ends."""
        each = self.plan.config.steps_per_dispatch
        return min(step + each - step % each, self.stage.steps)

    def run(self, checkpoints: checkpoint.Manager, state: TrainState, *, owed: bool) -> Ended:
        """Takes the steps that are left, from the step of this state.

        Args:
            checkpoints: of the stage.
            state: to begin with.
            owed: this state is still to be evaluated: the source of an adaptation, or what an earlier start had saved
                when it was killed.
        """
        plan, stage, config, first = self.plan, self.stage, self.plan.config, is_first()
        learner, steps, step, best = stage.learner, stage.steps, int(state.step), self.best
        number, batch = len(plan.images), plan.batch * learner.batches_per_step
        parts = learner.batches_per_step * config.accumulate
        columns = stage.columns(plan.images, self.finished)
        dispatch = make_dispatch(learner, columns, plan.layout, state, parts=parts)
        observe = make_observer(plan, stage, self.folder, self.finished)
        name = self.folder.path.name

        def batches(step: int) -> Fed:
            taken = range(step, self.following(step))
            numbers = [0 if config.overfit_one_batch else one for one in taken]
            return dispatch.feed(np.stack([batch_indices(number, batch, config.seed, one) for one in numbers]))

        with (
            memory.watched(learner, state, dict(stage.example), plan.batch, parts=config.accumulate),
            open_metrics(self.folder, step=step, keep=first) as metrics,
            progress(name, done=step * batch, total=steps * batch, show=first) as bar,
            prefetched(batches, following=self.following, last=steps, ahead=AHEAD * dispatch.decodes) as batch_of,
        ):
            if owed:
                best = self.evaluate(observe, state, step, metrics, best)
            stopping, before = self.interruption.asked(), None
            while step < steps and not stopping:
                state, measured = dispatch.update(state, batch_of(step))
                jax.block_until_ready(before)  # no more than a dispatch ahead: a stop would wait for all of them
                before = measured
                bar.update((self.following(step) - step) * batch)
                begun, step = step, self.following(step)
                stopping = self.interruption.asked()  # once a step: a later signal waits for the next
                done = step == steps
                last = done or stopping

                if (last or step % config.log_every == 0) and collapsed(measured):
                    sounder = roll_back(plan, checkpoints, state, lambda: fresh_state(plan, stage))
                    if sounder is None:
                        metrics.write(step, measured)
                        return _ended(plan, stage, state, collapse=autopsy(step, measured))
                    if first:
                        say(f"collapsed at step {step}: back to step {int(sounder.step)} with lower learning rates")
                    state, step = sounder, int(sounder.step)
                    metrics.rewind(step)
                    together(lambda step=step: delete_averages_after(self.folder, step) if first else None)
                    bar.update(step * batch - bar.n)
                    continue
                if last or step % config.log_every == 0:
                    metrics.write(step, measured)
                if done and stage.finish:
                    state = place(plan.layout, stage.finish(plan.images, whole(plan.layout, state)))
                if last and first and skips(measured):
                    warn(skips(measured))
                if stage.learner.averages and (last or is_due(begun, step, steps)):
                    keep(
                        plan, stage, self.folder, state
                    )  # before the checkpoint, from which it would not be made again
                # Saved before it is looked at: whatever fails there loses nothing.
                if last or step % config.save_every == 0 or self.scored_at(step):
                    store(plan, stage, self.folder, state, self.needs)
                    reached = position(number, batch, step)._asdict()
                    checkpoint.save(checkpoints, state, self.saved | reached | {"sound": sound(measured)})
                    allocator.give_back()
                if last or step % config.sample_every == 0:
                    observe.picture(state, step, metrics)
                if self.scored_at(step):
                    best = self.evaluate(observe, state, step, metrics, best)
        if step >= steps and first and (harm := unimproved(plan, stage, self.folder)):
            say(harm)
        return _ended(plan, stage, state, signal=None if step >= steps else self.interruption.signal)

    def evaluate(self, observe: Observer, state: TrainState, step: int, metrics: Metrics, best: float) -> float:
        """Evaluates a state, keeps its model if none was better, and returns the best score so far.

        The line in the log comes last: a step that has one needs no further evaluation when a run is resumed.
        """
        scores = observe.score(state)
        if scores.first < best:
            store(self.plan, self.stage, self.folder, state, self.needs, which="best", score=scores.first)
        if scores.numbers:
            metrics.write(step, scores.numbers)
        return min(best, scores.first)


def _ended(plan: Plan, stage: Stage, state: TrainState, **how: Any) -> Ended:
    state = whole(plan.layout, state)
    trees = exported(state)
    params = {
        name: transfer.params(trees[name], state.context[name]) for name, transfer in stage.learner.transfers.items()
    }
    return Ended(state, params, **how)


def fresh_state(plan: Plan, stage: Stage) -> TrainState:
    """Makes the state before the first step of a stage, of a pretraining or of an adaptation."""
    return make_start(plan, stage)(plan.images)


def make_start(plan: Plan, stage: Stage) -> Callable[[Dataset], TrainState]:
    """Makes the function from the images of a run to the state before its first step; it is compiled once."""
    init = _compiled_init(stage)

    def begin(images: Dataset) -> TrainState:
        params = _beginnings(plan)
        if params is not None and plan.source is not None:
            params = plan.family.fitted(params, plan.model, plan.source.config, images)
        return _begin(plan, stage, init, stage.seed(plan.config.seed), params)

    return begin


def _beginnings(plan: Plan) -> Networks | None:
    """Returns the parameters that an adaptation begins with, as far as its images do not matter."""
    return None if plan.source is None else plan.family.begun(plan.source.params(), plan.model)


def _compiled_init(stage: Stage) -> Callable[[Any, Networks | None], TrainState]:
    return jax.jit(lambda key, source: stage.learner.init(key, stage.example, source=source))


def _begin(plan: Plan, stage: Stage, init: Callable[..., TrainState], seed: int, params: Networks | None) -> TrainState:
    source = None if params is None else {network: params[network] for network in stage.learner.transfers}
    state = init(jax.random.key(seed), source)
    control = plan.control.get(stage.name)
    return state if control is None else dataclasses.replace(state, control=copy(control))


def state_shapes(plan: Plan, stage: Stage) -> TrainState:
    """Returns the shapes of a state of this stage, which are those of any seed."""
    return jax.eval_shape(lambda: _begin(plan, stage, _compiled_init(stage), 0, _beginnings(plan)))


def store(
    plan: Plan,
    stage: Stage,
    folder: RunFolder,
    state: TrainState,
    needs: dict[str, str],
    *,
    which: str = "latest",
    score: float | None = None,
) -> None:
    """Writes the networks of a stage: as the latest, or, with its score, as the best."""
    kept = whole(plan.layout, state)
    if is_first():
        save_model(
            folder,
            plan.model,
            kept,
            stage.learner.transfers,
            run=plan.folder.path,
            origin=plan.origin,
            needs=needs,
            which=which,
            score=score,
        )


def keep(plan: Plan, stage: Stage, folder: RunFolder, state: TrainState) -> None:
    """Writes the averages of a stage, of which others are rebuilt after training."""
    if stage.learner.averages is None:
        raise ValueError("this learner has no averages to keep")
    averages, context = whole(plan.layout, (stage.learner.averages(state), state.context))
    if is_first():
        transfers = stage.learner.transfers
        keep_averages(folder, int(state.step), averages, context, transfers, steps=stage.steps)
