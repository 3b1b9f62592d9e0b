"""The story of a run: build, start (fresh, transferred or resumed), step, log, evaluate, save."""

import dataclasses
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
from genjax.terminal import progress, say, warn
from genjax.train import checkpoint, memory, storage
from genjax.train.artifact import save_model
from genjax.train.lock import locked
from genjax.train.metrics import Metrics, open_metrics, read_metrics
from genjax.train.plan import (
    Plan,
    changes,
    described,
    introduction,
    kept_settings,
    plan_adaptation,
    plan_training,
)
from genjax.train.recovery import autopsy, collapsed, roll_back, skips, sound
from genjax.train.render import make_renderer
from genjax.train.run_folder import RunFolder, begin, prepare_resumed, read_config
from genjax.train.state import FIXED_LATENTS, TrainState
from genjax.tree import copy

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
    plan = plan_training(config, resume=resume, force=force)
    with locked(plan.folder.path):
        return fit(plan, resume=resume, force=force)


def adapt(config: AdaptConfig, *, resume: bool = False, force: bool = False) -> Outcome:
    """Adapts the model of the run `config.source` to another set, into the folder `config.out`.

    Arguments and errors as in `train`.
    """
    plan = plan_adaptation(config, resume=resume, force=force)
    with locked(plan.folder.path):
        return fit(plan, resume=resume, force=force)


def fit(plan: Plan, *, resume: bool = False, force: bool = False) -> Outcome:
    """Trains up to `plan.config.steps`, under the lock; leaves checkpoints to resume from and a model to use."""
    config, learner, folder = plan.config, plan.learner, plan.folder
    batch = plan.batch * learner.batches_per_step
    data_hash = plan.images.content_hash()

    if resume:
        prepare_resumed(folder)
    else:
        begin(folder, described(plan, data_hash), force=force)
    with (
        storage.watched(folder),
        checkpoint.open_checkpoints(folder.checkpoints) as checkpoints,
        interruptible() as interruption,
    ):
        found = checkpoint.restore(checkpoints, jax.eval_shape(lambda: fresh_state(plan))) if resume else None
        if resume and found is None:
            warn("no checkpoint had been finished yet: it begins at step 0 again")
        state, notes = found or (fresh_state(plan), {})
        if resume:
            check_settings(notes, plan)
            check_data(notes or read_config(folder), data_hash, plan)
            check_source(notes, plan)
            checkpoint.delete_after(checkpoints, int(state.step))
        step, best = int(state.step), notes.get("best", float("inf"))
        for line in introduction(plan, state.trainable):
            say(line)

        update = jax.jit(learner.step, donate_argnums=0)
        observe = make_observer(plan)
        with (
            memory.watched(learner, state, example_batch(plan), batch),
            open_metrics(folder, step=step) as metrics,
            progress(folder.path.name, done=step * batch, total=config.steps * batch) as bar,
        ):
            stopping = False
            while step < config.steps and not stopping:
                indices = batch_indices(len(plan.images), batch, config.seed, step)
                state, measured = update(state, {"image": plan.images.images[indices]})
                step += 1
                bar.update(batch)
                stopping = interruption.signal is not None  # asked once a step: a later signal waits for the next
                done = step == config.steps
                last = done or stopping

                if (last or step % config.log_every == 0) and collapsed(measured):
                    sounder = roll_back(plan, checkpoints, state, lambda: fresh_state(plan))
                    if sounder is None:
                        metrics.write(step, measured)
                        return Outcome(folder, state, collapse=autopsy(step, measured))
                    say(f"collapsed at step {step}: back to step {int(sounder.step)} with lower learning rates")
                    state, step = sounder, int(sounder.step)
                    metrics.rewind(step)
                    bar.update(step * batch - bar.n)
                    continue
                if last or step % config.log_every == 0:
                    metrics.write(step, measured)
                if last and skips(measured):
                    warn(skips(measured))
                if last or step % config.sample_every == 0:
                    observe.picture(state, step, metrics)
                score = float("inf")
                if plan.held_out and (done or step % config.evaluate_every == 0):
                    score = observe.score(state, step, metrics)
                if last or step % config.save_every == 0 or score < best:
                    store(plan, state, "latest")
                    if score < best:
                        store(plan, state, "best")
                    best = min(best, score)
                    place = position(len(plan.images), batch, step)._asdict() | {"config": kept_settings(config)}
                    notes = {**place, "best": best, "data_hash": data_hash, "sound": sound(measured)}
                    notes |= {"source": plan.source.identity if plan.source else ""}
                    checkpoint.save(checkpoints, state, notes, score=score)
    return Outcome(folder, state, None if step >= config.steps else interruption.signal)


def fresh_state(plan: Plan) -> TrainState:
    """The state before the first step, of a pretraining or of an adaptation."""
    source = plan.source.params() if plan.source else None
    init = jax.jit(lambda key, source: plan.learner.init(key, example_batch(plan), source=source))
    state = init(jax.random.key(plan.config.seed), source)
    return state if plan.control is None else dataclasses.replace(state, control=copy(plan.control))


def example_batch(plan: Plan) -> dict[str, np.ndarray]:
    """A batch of one image."""
    return {"image": plan.images.images[np.zeros(1, np.int64)]}


def store(plan: Plan, state: TrainState, which: str) -> None:
    """Writes the model, latest or best."""
    save_model(plan.folder.path, plan.model, state, plan.learner.transfers, origin=plan.origin, which=which)


class Observer(NamedTuple):
    """How a run is looked at while it trains: the same latents every time."""

    picture: Callable[[TrainState, int, Metrics], None]
    score: Callable[[TrainState, int, Metrics], float]


def make_observer(plan: Plan) -> Observer:
    """Pictures and scores of a run, from latents that depend on its seed alone."""
    render = make_renderer(plan.learner)
    key = jax.random.fold_in(jax.random.key(plan.config.seed), FIXED_LATENTS)
    latents = plan.learner.latents(key, max(PICTURED, plan.config.evaluate_num))

    def picture(state: TrainState, step: int, metrics: Metrics) -> None:
        grid = image_grid(render(state.average, state.context, latents[:PICTURED]))
        save_image(plan.folder.samples / f"{step:06d}.png", grid)
        metrics.picture(step, "samples", grid)

    def score(state: TrainState, step: int, metrics: Metrics) -> float:
        held_out = plan.held_out
        if held_out is None:
            raise ValueError("a plan without held-out images cannot be scored")
        fake = render(state.average, state.context, latents[: plan.config.evaluate_num])
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
    if notes.get("data_hash") != data_hash:
        raise InputError(
            f"the images of {plan.images.name} have changed since {plan.folder.path} was begun, so that it cannot go "
            "on as it would have. Restore them, or start another run with --out."
        )


def check_source(notes: dict[str, Any], plan: Plan) -> None:
    """Whether an adaptation's source is the model that it was begun from: what it keeps of it is in the checkpoint.

    Raises:
        InputError: it has been trained on, or replaced.
    """
    now = plan.source.identity if plan.source else ""
    begun = notes.get("source", now)
    if begun != now:
        raise InputError(
            f"{plan.folder.path} was begun from the model {begun[:12]}, and its source holds {now[:12]} now. Name the"
            " model that it was begun from with --source, or adapt again from this one with --force."
        )


def check_settings(notes: dict[str, Any], plan: Plan) -> None:
    """Whether a checkpoint was saved under the settings of its run.

    Raises:
        InputError: it is of another run, or config.json has been changed.
    """
    changed = changes(notes.get("config") or kept_settings(plan.config), kept_settings(plan.config))
    if changed:
        raise InputError(
            f"the checkpoint in {plan.folder.path} was saved under other settings than config.json has now: {changed}. "
            "Restore config.json, or start another run with --out."
        )


@dataclass
class Interruption:
    """The signal that asked the run to stop, if one did."""

    signal: Signals | None = None


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

    if threading.current_thread() is not threading.main_thread():
        yield noted
        return
    before = {number: set_handler(number, note) for number in (SIGINT, SIGTERM)}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            set_handler(number, handler)
