"""Training time of the text-to-image model on this machine: the time of a step of each stage, times their number."""

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
from genjax.training.text_to_image import stages

from experiments.common.timing import in_turns
from experiments.text_to_image.settings import Experiment, model_config
from genjax.data import Dataset
from genjax.devices.dispatch import make_update
from genjax.devices.sharding import Layout
from genjax.families.text_to_image.model import TextToImage, learners_of
from genjax.training.stage import Stage

SEVERAL = 3  # steps in a turn


def pace_figures(settings: Experiment, model: TextToImage, data: Dataset) -> dict[str, Any]:
    """Times a step of each stage in turns; returns its steps, milliseconds of one and minutes of all.

    A batch is drawn for each step, as in training. What a training does beside its steps is not in it: compiling,
    checkpoints, and the tokens of the images.
    """
    config = model_config(settings)
    learners = learners_of(config, model.vocabulary, data.images.shape[-1], images_per_epoch=len(data))
    found = list(stages(config, learners, data, model.vocabulary))
    walks = {stage.name: walk_of(stage) for stage in found}
    times = in_turns({name: partial(walk, SEVERAL) for name, walk in walks.items()}, turns=settings.turns)
    rows = {}
    for stage in found:
        seconds = statistics.median(times[stage.name]) / SEVERAL
        rows[stage.name] = {"steps": stage.steps, "milliseconds": 1e3 * seconds, "minutes": stage.steps * seconds / 60}
    return rows


def walk_of(stage: Stage) -> Callable[[int], None]:
    """Makes a function that makes so many steps of a stage, from where the last call ended."""
    example: dict[str, Any] = {**stage.batch(0)}
    state = jax.jit(lambda: stage.learner.init(jax.random.key(0), example))()
    update, step = make_update(stage.learner, Layout(), state), 0

    def run(number: int) -> None:
        nonlocal state, step
        for _ in range(number):
            state, _ = update(state, stage.batch(step))
            step += 1
        jax.block_until_ready(state)

    return run


def pace_table(found: dict[str, Any]) -> list[str]:
    """Writes a table with a row a stage."""
    lines = ["| training, by the time of a step | steps | ms a step | minutes |", "|---|---|---|---|"]
    for name, row in found.items():
        lines.append(f"| {name} | {row['steps']:,} | {row['milliseconds']:.0f} | {row['minutes']:.1f} |")
    minutes = sum(row["minutes"] for row in found.values())
    return [*lines, f"| all | | | {minutes:.0f} |", ""]
