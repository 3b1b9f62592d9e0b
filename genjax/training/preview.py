"""Pictures and scores along training, of the same inputs every time. What fails here never ends a run."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, ParamSpec, TypeVar

import jax

from genjax.devices.processes import is_first, told
from genjax.devices.sharding import whole
from genjax.evaluate.features.registry import load_extractor
from genjax.evaluate.records import Record
from genjax.evaluate.scores import METRICS, evaluate_images
from genjax.families.family import Stage
from genjax.families.learner import FIXED_LATENTS, Networks, TrainState
from genjax.families.render import make_renderer
from genjax.report.draw.grid import image_grid, save_image
from genjax.report.warnings import source_is_best
from genjax.store.description import best_step
from genjax.store.metrics import EVALUATION, Metrics, read_metrics
from genjax.store.run_folder import RunFolder
from genjax.terminal import reason, warn
from genjax.training.plan import Plan

P = ParamSpec("P")
T = TypeVar("T")
PICTURED = 64  # images in the pictures along training
FOLLOWED = ("kd", "coverage", "vendi")  # metrics along training; the first chooses the best checkpoint


class Scores(NamedTuple):
    """An evaluation along training.

    Attributes:
        first: number that chooses the best model, lower is better; infinity where nothing was measured.
        numbers: {name: number} of all that was measured, for the log.
    """

    first: float = math.inf
    numbers: Mapping[str, float] = {}


class Observer(NamedTuple):
    """The functions that look at a run while it trains.

    Attributes:
        picture: (state, step, metrics): writes a grid of images.
        score: state -> its scores.
    """

    picture: Callable[[TrainState, int, Metrics], None]
    score: Callable[[TrainState], Scores]


def make_observer(plan: Plan, stage: Stage, folder: RunFolder, finished: Networks) -> Observer:
    """Makes the observer of a stage; of several processes one looks. A stage that makes no images is not looked at.

    Args:
        plan: of the run, whose seed gives the latents.
        stage: that is trained.
        folder: of the stage.
        finished: {network: params} of the stages before it.
    """
    if stage.preview is None:
        return Observer(lambda state, step, metrics: None, lambda state: Scores())
    key = jax.random.fold_in(jax.random.key(plan.config.seed), FIXED_LATENTS)
    shown = plan.held_out or plan.images
    preview = stage.preview(shown, finished, key, max(PICTURED, plan.config.evaluate_num))
    render = make_renderer(preview.make)

    def picture(state: TrainState, step: int, metrics: Metrics) -> None:
        average, context = whole(plan.layout, (state.average, state.context))
        if is_first():
            draw(average, context, step, metrics)

    @guarded("a picture along training", None)
    def draw(average: Networks, context: Networks, step: int, metrics: Metrics) -> None:
        grid = image_grid(render(average, context, _first(preview.inputs, PICTURED)))
        save_image(folder.samples / f"{step:06d}.png", grid)
        metrics.picture(step, "samples", grid)

    def score(state: TrainState) -> Scores:
        average, context = whole(plan.layout, (state.average, state.context))
        return Scores(*told(lambda: judge(average, context)))

    @guarded("an evaluation along training", Scores())
    def judge(average: Networks, context: Networks) -> Scores:
        held_out = plan.held_out
        if held_out is None:
            raise ValueError("a plan without held-out images cannot be scored")
        fake = render(average, context, _first(preview.inputs, plan.config.evaluate_num))
        real = held_out.images[:]
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
        return Scores(records[0].value, dict(scalars(records)))

    return Observer(picture, score)


def unimproved(plan: Plan, stage: Stage, folder: RunFolder) -> str:
    """Says that no step of an adaptation came nearer to the held-out images than its source; else empty.

    Of several stages only the last is said so of, and only where it began as the source: where an earlier one was
    trained, that was not.
    """
    before = plan.stages[: plan.stages.index(stage)]
    if plan.held_out is None or any(stage.name in other.needs for other in plan.stages) or any(s.steps for s in before):
        return ""
    images = f"the {len(plan.held_out)} held-out images"
    said = source_is_best(read_metrics(folder.metrics), best_step(folder), images=images)
    return f"{stage.name}: {said}" if said and len(plan.stages) > 1 else said


def guarded(what: str, otherwise: T) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Makes a function that training can do without give `otherwise` where it fails, and say so at the first time.

    Args:
        what: it makes, for the warning.
        otherwise: result of a failure.
    """
    said: list[str] = []

    def around(look: Callable[P, T]) -> Callable[P, T]:
        def looked(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return look(*args, **kwargs)
            except Exception as error:
                if not said:
                    warn(f"{what} failed, and the run goes on without: {reason(error)}")
                    said.append(what)
                return otherwise

        return looked

    return around


def _first(inputs: object, n: int) -> object:
    return jax.tree.map(lambda rows: rows[:n], inputs)


def scalars(records: Sequence[Record]) -> Iterator[tuple[str, float]]:
    """Yields names and numbers of records for a log: values, and the ends of their intervals where there are some."""
    for record in records:
        name = EVALUATION + record.name
        yield name, record.value
        if record.interval is not None:
            yield f"{name}/low", record.interval[0]
            yield f"{name}/high", record.interval[1]
