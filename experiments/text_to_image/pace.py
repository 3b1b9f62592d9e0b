"""Training time of the text-to-image model on this machine: the time of a step of each stage, times their number."""

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import jax

from experiments.common.timing import in_turns
from experiments.text_to_image.settings import Experiment, run_config, tokens_of
from genjax.data import Dataset
from genjax.data.batches import Columns, batch_indices
from genjax.devices.dispatch import make_dispatch
from genjax.devices.sharding import Layout
from genjax.families.family import Stage, Training
from genjax.families.text_to_image.model import TextToImage
from genjax.families.text_to_image.stages import build_stages

SEVERAL = 3  # steps in a turn


def pace_figures(settings: Experiment, model: TextToImage, data: Dataset) -> dict[str, Any]:
    """Times a step of each stage in turns; returns its steps, milliseconds of one and minutes of all.

    A batch is drawn for each step, as in training. What a training does beside its steps is not in it: compiling,
    checkpoints, and the tokens of the images.
    """
    found = build_stages(model.config, Training({}, control=run_config(settings).control, images=len(data)))
    rows = {"image": data.images, "text": model.vocabulary.encode(data.captions), "tokens": tokens_of(model, data)}
    walks = {stage.name: walk_of(settings, stage, {name: rows[name] for name in stage.example}) for stage in found}
    times = in_turns({name: partial(walk, SEVERAL) for name, walk in walks.items()}, turns=settings.turns)
    figures = {}
    for stage in found:
        seconds = statistics.median(times[stage.name]) / SEVERAL
        minutes = stage.steps * seconds / 60
        figures[stage.name] = {"steps": stage.steps, "milliseconds": 1e3 * seconds, "minutes": minutes}
    return figures


def walk_of(settings: Experiment, stage: Stage, columns: Columns) -> Callable[[int], None]:
    """Makes a function that makes so many steps of a stage, from where the last call ended."""
    state = jax.jit(lambda: stage.learner.init(jax.random.key(0), stage.example))()
    dispatch, step = make_dispatch(stage.learner, columns, Layout(), state), 0
    images = len(next(iter(columns.values())))

    def run(number: int) -> None:
        nonlocal state, step
        for _ in range(number):
            rows = batch_indices(images, settings.batch, settings.seed, step)
            state, _ = dispatch.update(state, dispatch.feed(rows[None]))
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
