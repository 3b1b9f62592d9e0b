"""The story of a run: plan, start (fresh, transferred or resumed), and one stage after the other."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import Signals

from genjax.config import AdaptConfig, TrainConfig
from genjax.data import Dataset
from genjax.data.left_out import left_out_line, left_out_list
from genjax.devices.backend import on_cpu
from genjax.devices.processes import is_first, together
from genjax.families.learner import Networks, TrainState
from genjax.store import disk_errors
from genjax.store.lock import locked
from genjax.store.metrics import EVALUATION, read_steps
from genjax.store.run_folder import RunFolder, begin, prepare_resumed, write_bytes
from genjax.store.selection import Selection, as_selected, write_selection
from genjax.terminal import say, warn
from genjax.training.interruption import interruptible
from genjax.training.introduction import introduction
from genjax.training.plan import Plan, described, plan_adaptation, plan_training
from genjax.training.resume import check_steps, note_data
from genjax.training.select import plan_candidates, try_candidates
from genjax.training.stage import run_stage, state_shapes


@dataclass(frozen=True)
class Outcome:
    """The end of a run.

    Attributes:
        folder: of the run.
        state: after the last step of the last stage that was begun.
        signal: that stopped it before its end; None when it is done.
        stage: that was stopped or given up, of several; empty when all are done.
        collapse: why a stage was given up, in a line; empty when none was.
    """

    folder: RunFolder
    state: TrainState = field(repr=False)
    signal: Signals | None = None
    stage: str = ""
    collapse: str = ""

    @property
    def evaluations(self) -> int:
        """Returns the number of evaluations along training, of a run of one stage; that of a source is none of them."""
        return sum(any(name.startswith(EVALUATION) for name in line) for line in read_steps(self.folder.metrics))


def train(config: TrainConfig, *, resume: bool = False, force: bool = False, dataset: Dataset | None = None) -> Outcome:
    """Pretrains a model on a set of images, into the folder `config.out`.

    Args:
        config: what to train on what.
        resume: go on with the run in that folder, up to `config.steps` in all.
        force: delete a run that is in that folder.
        dataset: images to train on, in place of `config.data`.
    Raises:
        InputError: anything that cannot be used, before the first compile.
    """
    plan = together(lambda: plan_training(config, resume=resume, force=force, dataset=dataset))
    with writing(plan.folder.path):
        return fit(plan, resume=resume, force=force)


def adapt(config: AdaptConfig, *, resume: bool = False, force: bool = False, dataset: Dataset | None = None) -> Outcome:
    """Adapts the model of the run `config.source` to another set, into the folder `config.out`.

    Arguments and errors as in `train`; of `dataset` the shots are taken.
    """
    selection = None
    if config.select and not resume:
        plans = together(lambda: plan_candidates(config, force=force, dataset=dataset))
        with writing(config.out):
            selection = try_candidates(config, plans)
        config = as_selected(config, selection)
    plan = together(lambda: plan_adaptation(config, resume=resume, force=force, dataset=dataset))
    with writing(plan.folder.path):
        return fit(plan, resume=resume, force=force, selection=selection)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Holds the lock of a run's folder, in the process that writes; what is refused there is refused in all."""
    with ExitStack() as stack:
        together(lambda: stack.enter_context(locked(folder)) if is_first() else None)
        yield


def fit(plan: Plan, *, resume: bool = False, force: bool = False, selection: Selection | None = None) -> Outcome:
    """Trains all stages, under the lock; leaves checkpoints to resume from and a model to use.

    Args:
        plan: of the run.
        resume: go on with the run in its folder.
        force: delete a run that is there.
        selection: how its transfer and steps were chosen, which is kept with the run; None where they were named.
    """
    finished: Networks = {}
    data_hash = plan.data_hash()
    together(lambda: prepare(plan, data_hash, selection, resume=resume, force=force) if is_first() else None)
    folders = [plan.stage_folder(stage) for stage in plan.stages]
    with disk_errors.watched(plan.folder, stages=folders), interruptible() as interruption:
        if resume:
            together(lambda: check_steps(plan))
        shapes = [state_shapes(plan, stage) for stage in plan.stages]
        if is_first():
            list_left_out(plan)
            introduce(plan, {name: tree for like in shapes for name, tree in like.trainable.items()})
        state = shapes[0]  # of a run without stages, which there is not
        for stage, like in zip(plan.stages, shapes, strict=True):
            ended = run_stage(plan, stage, like, finished, interruption, resume=resume, data_hash=data_hash)
            if not ended.done:
                own = stage.name if len(plan.stages) > 1 else ""
                return Outcome(plan.folder, ended.state, ended.signal, own, ended.collapse)
            finished, state = finished | ended.params, ended.state
    return Outcome(plan.folder, state)


def prepare(plan: Plan, data_hash: str, selection: Selection | None, *, resume: bool, force: bool) -> None:
    """Makes the run's folder, or makes the one that is there ready to be gone on with."""
    if resume:
        note_data(plan, data_hash)
        prepare_resumed(plan.folder, [stage.name for stage in plan.stages])
    else:
        begin(plan.folder, described(plan, data_hash), force=force)
        if selection:
            write_selection(plan.folder, selection)


def list_left_out(plan: Plan) -> None:
    """Lists in the run's folder what its set leaves out; a list of before goes where there is nothing to list."""
    if plan.images.left_out:
        write_bytes(plan.folder.left_out, left_out_list(plan.images.left_out).encode())
    else:
        plan.folder.left_out.unlink(missing_ok=True)


def introduce(plan: Plan, trainable: Networks) -> None:
    """Says what is about to be trained, and what will be slow."""
    for line in introduction(plan, trainable):
        say(line)
    if plan.images.left_out:
        warn(f"{left_out_line(plan.images)}: see {plan.folder.left_out}")
    loops = {"--accumulate": plan.config.accumulate, "--steps-per-dispatch": plan.config.steps_per_dispatch}
    asked = [name for name, times in loops.items() if times > 1]
    if asked and on_cpu():
        warn(
            f"{' and '.join(asked)}: a loop on the device, in which a CPU convolves on one thread. Leave out for speed"
        )
