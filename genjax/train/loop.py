"""The story of a run: build, start (fresh, transferred or resumed), step, log, evaluate, save."""

import dataclasses
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from signal import SIGINT, SIGTERM, Signals
from signal import signal as set_handler
from typing import Any, NamedTuple

import jax
import numpy as np

from genjax.config import AdaptConfig, TrainConfig
from genjax.data.batches import batch_indices, position
from genjax.errors import InputError
from genjax.evaluate import METRICS, Record, evaluate_images, load_extractor
from genjax.report.grid import image_grid, save_image
from genjax.terminal import progress, say
from genjax.train import checkpoint
from genjax.train.artifact import save_model
from genjax.train.dispatch import make_update
from genjax.train.metrics import Metrics, open_metrics
from genjax.train.plan import Plan, described, introduction, plan_adaptation, plan_training
from genjax.train.processes import asked_to_stop, is_first, together, told
from genjax.train.processes import several as several_processes
from genjax.train.recovery import autopsy, collapsed, roll_back, sound
from genjax.train.render import make_renderer
from genjax.train.run_folder import RunFolder, begin
from genjax.train.sharding import place, placed_like, whole
from genjax.train.state import FIXED_LATENTS, Networks, TrainState

PICTURED = 64  # images in the pictures along training
FOLLOWED = ("kd", "coverage", "vendi")  # metrics along training; the first chooses the best checkpoint


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
    return fit(plan, resume=resume, force=force)


def adapt(config: AdaptConfig, *, resume: bool = False, force: bool = False) -> Outcome:
    """Adapts the model of the run `config.source` to another set, into the folder `config.out`.

    Arguments and errors as in `train`.
    """
    plan = together(lambda: plan_adaptation(config, resume=resume, force=force))
    return fit(plan, resume=resume, force=force)


def fit(plan: Plan, *, resume: bool = False, force: bool = False) -> Outcome:
    """Trains up to `plan.config.steps`; leaves checkpoints to resume from and a model to use."""
    config, learner, folder, layout = plan.config, plan.learner, plan.folder, plan.layout
    batch, first = plan.batch * learner.batches_per_step, is_first()
    data_hash = plan.images.content_hash()

    if not resume:
        together(lambda: begin(folder, described(plan, data_hash), force=force) if first else None)
    with checkpoint.open_checkpoints(folder.checkpoints) as checkpoints, interruptible() as interruption:
        if resume:
            state, notes = checkpoint.restore(checkpoints, state_like(plan))
            together(lambda: check_data(notes, data_hash, plan))
            checkpoint.delete_after(checkpoints, int(state.step))
        else:
            state, notes = place(layout, fresh_state(plan)), {}
        step, best = int(state.step), notes.get("best", float("inf"))
        for line in introduction(plan, state.trainable) if first else ():
            say(line)

        parts = learner.batches_per_step * config.accumulate
        update = make_update(learner, plan.images.images, layout, state, parts=parts)
        observe = make_observer(plan)
        with (
            open_metrics(folder, step=step, keep=first) as metrics,
            progress(folder.path.name, done=step * batch, total=config.steps * batch, show=first) as bar,
        ):
            stopping = False
            while step < config.steps and not stopping:
                several = min(config.steps_per_dispatch - step % config.steps_per_dispatch, config.steps - step)
                rows = [batch_indices(len(plan.images), batch, config.seed, step + row) for row in range(several)]
                state, measured = update(state, np.stack(rows))
                step += several
                bar.update(several * batch)
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
                if last or step % config.sample_every == 0:
                    observe.picture(state, step, metrics)
                score = float("inf")
                if plan.held_out and (done or step % config.evaluate_every == 0):
                    score = observe.score(state, step, metrics)
                if last or step % config.save_every == 0 or score < best:
                    store(plan, state, "latest", *(["best"] if score < best else []))
                    best = min(best, score)
                    reached = position(len(plan.images), batch, step)._asdict()
                    notes = {**reached, "best": best, "data_hash": data_hash, "sound": sound(measured)}
                    checkpoint.save(checkpoints, state, notes, score=score)
    return Outcome(folder, whole(layout, state), None if step >= config.steps else interruption.signal)


def fresh_state(plan: Plan) -> TrainState:
    """The state before the first step, of a pretraining or of an adaptation."""
    example = {"image": plan.images.images[np.zeros(1, np.int64)]}
    source = plan.source.params() if plan.source else None
    init = jax.jit(lambda key, source: plan.learner.init(key, example, source=source))
    state = init(jax.random.key(plan.config.seed), source)
    return state if plan.control is None else dataclasses.replace(state, control=plan.control)


def state_like(plan: Plan) -> TrainState:
    """The shapes of a state of this run, and how it lies on the devices."""
    return placed_like(plan.layout, jax.eval_shape(lambda: fresh_state(plan)))


def store(plan: Plan, state: TrainState, *kinds: str) -> None:
    """Writes the model: latest, best or both."""
    kept = whole(plan.layout, state)
    for which in kinds if is_first() else ():
        save_model(plan.folder.path, plan.model, kept, plan.learner.transfers, origin=plan.origin, which=which)


class Observer(NamedTuple):
    """How a run is looked at while it trains: the same latents every time."""

    picture: Callable[[TrainState, int, Metrics], None]
    score: Callable[[TrainState, int, Metrics], float]


def make_observer(plan: Plan) -> Observer:
    """Pictures and scores of a run, from latents that depend on its seed alone; of several processes one looks."""
    render = make_renderer(plan.learner)
    key = jax.random.fold_in(jax.random.key(plan.config.seed), FIXED_LATENTS)
    latents = plan.learner.latents(key, max(PICTURED, plan.config.evaluate_num))

    def picture(state: TrainState, step: int, metrics: Metrics) -> None:
        average, context = whole(plan.layout, (state.average, state.context))
        if not is_first():
            return
        grid = image_grid(render(average, context, latents[:PICTURED]))
        save_image(plan.folder.samples / f"{step:06d}.png", grid)
        metrics.picture(step, "samples", grid)

    def score(state: TrainState, step: int, metrics: Metrics) -> float:
        average, context = whole(plan.layout, (state.average, state.context))
        return told(lambda: judge(average, context, step, metrics))

    def judge(average: Networks, context: Networks, step: int, metrics: Metrics) -> float:
        held_out = plan.held_out
        if held_out is None:
            raise ValueError("a plan without held-out images cannot be scored")
        fake = render(average, context, latents[: plan.config.evaluate_num])
        real = held_out.images[np.arange(min(len(held_out), plan.config.evaluate_num))]
        enough = min(len(real), len(fake))
        records = evaluate_images(
            real,
            fake,
            extractor=load_extractor("embedded-v1"),
            metrics=[name for name in FOLLOWED if METRICS[name].least <= enough],
            data=held_out.name,
            split="test",
            intervals=("kd",),  # the others would take longer than the training between two evaluations
        )
        metrics.write(step, dict(scalars(records)))
        return records[0].value

    return Observer(picture, score)


def scalars(records: Sequence[Record]) -> Iterator[tuple[str, float]]:
    """Names and numbers of records for a log: values, and the ends of their intervals where there are some."""
    for record in records:
        yield f"evaluate/{record.name}", record.value
        if record.interval is not None:
            yield f"evaluate/{record.name}/low", record.interval[0]
            yield f"evaluate/{record.name}/high", record.interval[1]


def check_data(notes: dict[str, Any], data_hash: str, plan: Plan) -> None:
    """Whether the images are those that the run was begun with.

    Raises:
        InputError: they have changed since.
    """
    if notes["data_hash"] != data_hash:
        raise InputError(
            f"the images of {plan.images.name} have changed since {plan.folder.path} was begun, so that it cannot go "
            "on as it would have. Restore them, or start another run with --out."
        )


@dataclass
class Interruption:
    """The signal that asked the run to stop, if one did."""

    signal: Signals | None = None

    def asked(self) -> bool:
        """Whether to stop; of several processes, all hear of it at the same step, whichever got the signal."""
        if several_processes() and asked_to_stop():
            self.signal = SIGTERM
        return self.signal is not None


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Inside, Ctrl-C and SIGTERM are noted instead of ending the process; a second one ends it.

    Outside the main thread, where signals cannot be caught, nothing is changed.
    """
    noted = Interruption()

    def note(number: int, frame: object) -> None:
        if noted.signal is not None:
            raise KeyboardInterrupt
        noted.signal = Signals(number)

    def pass_on(number: int, frame: object) -> None:
        os.kill(os.getpid(), SIGTERM)

    if threading.current_thread() is not threading.main_thread():
        yield noted
        return
    # Of several processes, JAX has a handler of its own for SIGTERM, by which the others are told.
    handlers = {SIGINT: pass_on} if several_processes() else {SIGINT: note, SIGTERM: note}
    before = {number: set_handler(number, handler) for number, handler in handlers.items()}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            set_handler(number, handler)
