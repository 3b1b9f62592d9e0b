"""Selection of transfer and steps by measurement: shots are held out in turn, and say which candidate to train on all.

Each candidate is trained on the other shots, in memory, and at some steps it is measured how badly it explains those
that it was not shown: by the loss of the model where it has one of an image, else by the distance of its samples.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from genjax.config import AdaptConfig
from genjax.data import Dataset
from genjax.data.batches import Columns, batch_indices
from genjax.devices import memory
from genjax.devices.dispatch import make_dispatch
from genjax.devices.processes import is_first, told
from genjax.devices.sharding import place, whole
from genjax.errors import InputError
from genjax.evaluate.features.extractor import extract_features
from genjax.evaluate.features.registry import load_extractor
from genjax.evaluate.metrics.kernel import biased_kernel_distance
from genjax.families.family import Stage
from genjax.families.learner import FIXED_LATENTS, TrainState, exported
from genjax.families.render import make_renderer
from genjax.store.selection import Selection, Tried, choose, rows_of, verdict
from genjax.terminal import progress, say, table
from genjax.training.plan import Plan, plan_adaptation
from genjax.training.stage import make_start, state_shapes
from genjax.transfer.auto import Auto
from genjax.transfer.registry import Choice, chosen, names, spec_of

FOLDS = 3  # times that other shots are held out; as many as there are shots, where there are fewer
MARKS = 8  # parts of a training after each of which a candidate is measured
MOST_JUDGED = 128  # shots of a kind that a measurement takes, and samples
STREAM = 0x5E1E  # keeps the folds independent of other draws from the same seed

Judge = Callable[
    [TrainState, "Fold"], tuple[float, float]
]  # (state, fold) -> fit, gap; the gap is NaN without a critic


class Fold(NamedTuple):
    """The places of the shots that are trained on and of those that are held out, int64 each."""

    shown: np.ndarray
    held_out: np.ndarray


def plan_candidates(
    config: AdaptConfig, *, force: bool = False, dataset: Dataset | None = None, **how: Any
) -> list[Plan]:
    """Plans the adaptation by each candidate.

    Args:
        config: with `select`.
        force: delete a run that is in that folder.
        dataset: images of which the shots are taken, in place of `config.data`.
        how: further arguments of `plan_adaptation`.
    Raises:
        InputError: anything that cannot be used, before the first compile.
    """
    given = _given(config)
    bare = dataclasses.replace(config, select=False, candidates=(), evaluate_every=0)

    def plan(choice: Choice) -> Plan:
        one = dataclasses.replace(bare, transfer=choice)
        return plan_adaptation(one, force=force, dataset=dataset, **how)

    if config.candidates:
        plans = [plan(chosen(name, given)) for name in config.candidates]
    else:
        first = plan((Auto(tuple(given.values())),))  # what the family's rules choose
        others = [name for name in first.family.candidates if name != names(transfers_of(first))]
        plans = [first, *(plan(chosen(name, given)) for name in others)]
    _check(config, plans[0])
    return plans


def _given(config: AdaptConfig) -> dict[str, Any]:
    """Returns {transfer: its options} of those that were set, for the candidates that have them."""
    text = names(config.transfers)
    if text == "auto":
        return {spec_of(options).name: options for options in config.transfers[0].given}
    if text != "full":
        raise InputError(
            f"--select chooses the transfer, and --transfer {text} names one. Leave it out, or choose its steps alone:"
            f" --select --candidates {text}."
        )
    return {}


def _check(config: AdaptConfig, plan: Plan) -> None:
    """Raises InputError where shots cannot be held out in turn, or nothing could be measured with them."""
    stages = [stage.name for stage in plan.stages]
    if len(stages) > 1:
        raise InputError(
            f"--select tries models of one stage, and this one has {len(stages)} ({', '.join(stages)}). Name a"
            " --transfer and --steps of its stages instead."
        )
    if len(np.unique(groups_of(config, plan.images))) < 2:
        what = "letter" if config.shots_of else "shot"
        raise InputError(
            f"--select trains on some shots and holds out the others, and there is one {what}. Use 2 or more, or leave"
            " out --select."
        )
    if plan.stages[0].learner.fit is None and plan.stages[0].preview is None:
        raise InputError("--select cannot measure a model that makes no images. Name a --transfer instead.")


def selection_line(config: AdaptConfig, plans: Sequence[Plan]) -> str:
    """Says what will be tried."""
    tried = ", ".join(names(transfers_of(plan)) for plan in plans)
    folds, marks = len(folds_of(groups_of(config, plans[0].images), config.seed)), marks_of(config.steps)
    return (
        f"select   {tried}: each in {folds} folds of {len(plans[0].images)} shots, up to {config.steps} steps, measured"
        f" at {', '.join(map(str, marks))}; then the best on all shots"
    )


def try_candidates(config: AdaptConfig, plans: Sequence[Plan]) -> Selection:
    """Trains each candidate in turn, with a bar, measures it, and says what was chosen, with a table.

    Args:
        config: with `select`.
        plans: of the candidates, by `plan_candidates`.
    """
    first, marks = plans[0], marks_of(config.steps)
    folds = folds_of(groups_of(config, first.images), config.seed)
    learner = first.stages[0].learner
    measure = "kernel distance of samples to held-out shots" if learner.fit is None else "loss of held-out shots"
    if is_first():
        say(selection_line(config, plans))
    images = first.batch * learner.batches_per_step
    total = len(plans) * len(folds) * config.steps * images
    with progress("select", done=0, total=total, show=is_first()) as bar:
        tried = [try_candidate(plan, folds, marks, lambda: bar.update(images)) for plan in plans]
    found = choose(config, measure, len(folds), marks, tried)
    if is_first():
        say(table(*rows_of(found)))
        say(verdict(found))
    return found


def try_candidate(plan: Plan, folds: Sequence[Fold], marks: Sequence[int], count: Callable[[], Any]) -> Tried:
    """Trains a candidate on the shots of each fold that are not held out, and measures it at some steps.

    Args:
        plan: made with all shots, so that one compiled step serves all folds.
        folds: places of shots.
        marks: steps at which it is measured, in order; the last is that of its end.
        count: called after each step.
    """
    (stage,) = plan.stages
    learner, config = stage.learner, plan.config
    columns, like = stage.columns(plan.images, {}), state_shapes(plan, stage)
    batch, parts = plan.batch * learner.batches_per_step, learner.batches_per_step * config.accumulate
    dispatch, begin = make_dispatch(learner, columns, plan.layout, like, parts=parts), make_start(plan, stage)
    judge = make_judge(plan, stage, columns)
    measured = np.empty((len(folds), len(marks), 2))
    with memory.watched(learner, like, dict(stage.example), plan.batch, parts=config.accumulate):
        for number, fold in enumerate(folds):
            state, before = place(plan.layout, begin(plan.images.take(fold.shown))), None
            for step in range(marks[-1] + 1):
                if step in marks:
                    jax.block_until_ready(state)
                    measured[number, marks.index(step)] = judge(state, fold)
                if step < marks[-1]:
                    rows = fold.shown[batch_indices(len(fold.shown), batch, config.seed, step)]
                    state, after = dispatch.update(state, dispatch.feed(rows[None]))
                    # No more than a step ahead: many at once, on several devices of a CPU, may wait for each other.
                    jax.block_until_ready(before)
                    before = after
                    count()
    fit, gap = measured.mean(axis=0).T  # (marks,) each
    fit = np.where(np.isfinite(fit), fit, math.inf)
    return Tried(transfers_of(plan), tuple(fit.tolist()), () if learner.critic is None else tuple(gap.tolist()))


def make_judge(plan: Plan, stage: Stage, columns: Columns) -> Judge:
    """Makes the function that measures how badly a state explains the held-out shots of a fold, by the same draws.

    Args:
        plan: of a candidate.
        stage: its only one.
        columns: rows of all shots.
    """
    learner, layout = stage.learner, plan.layout
    key = jax.random.fold_in(jax.random.key(plan.config.seed), FIXED_LATENTS)
    most = min(MOST_JUDGED, len(plan.images))
    explain = None if learner.fit is None else jax.jit(learner.fit)
    score = None if learner.critic is None else jax.jit(learner.critic)
    distance = None if explain else _sample_distance(plan, stage, key)

    def rows_at(places: np.ndarray) -> dict[str, np.ndarray]:
        # Filled up by repetition to one size, so that folds of unequal size compile one program.
        return {name: np.asarray(rows[np.resize(places, most)]) for name, rows in columns.items()}

    def judge(state: TrainState, fold: Fold) -> tuple[float, float]:
        own: TrainState = whole(layout, state)
        shown, held_out = fold.shown[:most], fold.held_out[:most]

        def measured() -> tuple[float, float]:
            if explain is not None:
                fit = float(
                    np.asarray(explain(own.average, own.context, rows_at(held_out), key))[: len(held_out)].mean()
                )
            else:
                fit = distance(own, held_out) if distance else math.nan
            if score is None:
                return fit, math.nan
            of = [
                np.asarray(score(exported(own), own.context, rows_at(part)))[: len(part)] for part in (shown, held_out)
            ]
            return fit, float(of[0].mean() - of[1].mean())

        fit, gap = told(measured)
        return fit, gap

    return judge


def _sample_distance(plan: Plan, stage: Stage, key: jax.Array) -> Callable[[TrainState, np.ndarray], float]:
    """Makes the function from a state to the distance of its samples of fixed latents to shots at these places."""
    if stage.preview is None:
        raise ValueError("a stage that makes no images has no distance")
    preview, extractor = stage.preview(plan.images, {}, key, MOST_JUDGED), load_extractor("embedded-v1")
    render = make_renderer(preview.make)

    def distance(state: TrainState, places: np.ndarray) -> float:
        fake = extract_features(extractor, render(state.average, state.context, preview.inputs))
        real = extract_features(extractor, np.asarray(plan.images.images[places]))
        return biased_kernel_distance(real, fake) if np.isfinite(fake).all() else math.inf

    return distance


def marks_of(steps: int) -> tuple[int, ...]:
    """Returns the steps at which a candidate is measured: 0, and the ends of eight equal parts."""
    return tuple(sorted({round(steps * part / MARKS) for part in range(MARKS + 1)}))


def groups_of(config: AdaptConfig, images: Dataset) -> np.ndarray:
    """Numbers what is held out together (n,): each shot by itself, of shots that are letters all of a letter."""
    lettered = config.shots_of and images.labels is not None
    return np.asarray(images.labels) if lettered else np.arange(len(images))


def folds_of(groups: np.ndarray, seed: int) -> list[Fold]:
    """Parts the shots at random: each group is held out once, in as equal parts as can be.

    Args:
        groups: group of each shot (n,).
        seed: of the run.
    """
    every, own = np.unique(groups, return_inverse=True)
    order = np.random.default_rng((seed, STREAM)).permutation(len(every))
    masks = [np.isin(own, part) for part in np.array_split(order, min(FOLDS, len(every)))]
    return [Fold(np.flatnonzero(~held_out), np.flatnonzero(held_out)) for held_out in masks]


def transfers_of(plan: Plan) -> Choice:
    """Returns the transfers of a candidate's plan."""
    if not isinstance(plan.config, AdaptConfig):
        raise TypeError("a pretraining has no transfers")
    return plan.config.transfers
