"""How a run is looked at while it trains: pictures and scores, of the same latents every time."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np

from genjax.devices.processes import is_first, told
from genjax.devices.sharding import whole
from genjax.evaluate import METRICS, Record, evaluate_images, load_extractor
from genjax.families.learner import FIXED_LATENTS, Networks, TrainState
from genjax.families.render import make_renderer
from genjax.report.draw.grid import image_grid, save_image
from genjax.store.metrics import Metrics
from genjax.training.plan import Plan

PICTURED = 64  # images in the pictures along training
FOLLOWED = ("kd", "coverage", "vendi")  # metrics along training; the first chooses the best checkpoint


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
