"""Several runs from different seeds, and how steady they were."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from genjax.config.run import AdaptConfig, C, TrainConfig
from genjax.errors import InputError, did_you_mean
from genjax.evaluate.metrics.stability import Stability, over_seeds, stability
from genjax.families.registry import FAMILIES
from genjax.report.warnings import DIVERSITY
from genjax.store.metrics import EVALUATION, read_metrics, read_steps
from genjax.store.run_config import saved_model
from genjax.store.run_folder import RunFolder, check_free, is_run, read_config, seed_runs, stage_folder
from genjax.training.dry_run import check_plan
from genjax.training.loop import Outcome

FOLLOWED = ("evaluate/KD", "evaluate/KID")  # beginnings of names: the metric of a run, unless one is named


class Steadiness(NamedTuple):
    """Figures of how steady several runs were.

    Attributes:
        metric: that was followed, as it is called in metrics.jsonl.
        runs: {folder: its figures}.
        summary: {figure: (mean, standard deviation)} over the runs.
    """

    metric: str
    runs: dict[str, Stability]
    summary: dict[str, tuple[float, float]]


def seed_configs(config: C, num: int) -> list[C]:
    """Copies the config for `num` seeds, beginning with its own, each into a folder seed-N inside `config.out`.

    Raises:
        InputError: fewer than 1.
    """
    if num < 1:
        raise InputError(f"--seeds {num} runs were asked for. Ask for 1 or more.")
    seeds = range(config.seed, config.seed + num)
    return [dataclasses.replace(config, seed=seed, out=seed_folder(config.out, seed)) for seed in seeds]


def seed_folder(out: Path, seed: int) -> Path:
    """Returns the folder of the run of a seed."""
    return out / f"seed-{seed}"


def run_seeds(
    run: Callable[..., Outcome],
    config: TrainConfig | AdaptConfig,
    num: int,
    *,
    resume: bool = False,
    force: bool = False,
) -> list[Outcome]:
    """Trains or adapts from several seeds, one after the other, until a signal stops one.

    Args:
        run: `train` or `adapt`.
        config: of the first; see `seed_configs`.
        num: seeds.
        resume: go on where it was stopped: runs that were begun are resumed, the others begun.
        force: delete runs that are in those folders.
    Raises:
        InputError: see `train`; all folders and plans are checked before the first run.
    """
    configs = seed_configs(config, num)
    begun = [resume and is_run(RunFolder(one.out)) for one in configs]
    for one, again in zip(configs, begun, strict=True):
        if not again:
            check_free(RunFolder(one.out), force=force)
    for one, again in list(zip(configs, begun, strict=True))[1:]:  # the first is planned as it begins
        check_plan(one, resume=again, force=force)
    outcomes: list[Outcome] = []
    for one, again in zip(configs, begun, strict=True):
        outcomes.append(run(one, resume=again, force=force))
        if outcomes[-1].signal is not None:
            break
    return outcomes


def steadiness(runs: Sequence[Path], metric: str = "") -> Steadiness:
    """Summarises best, final and late values, jumps and collapses of runs, from their evaluations along training.

    Args:
        runs: their folders, or one that --seeds has made.
        metric: to follow, as in metrics.jsonl with or without ``evaluate/``; empty is the kernel distance.
    Raises:
        InputError: no run, one without a log of evaluations, or runs that were not evaluated alike.
    """
    if not runs:
        raise InputError("no run was named. Name several, of one setting and different seeds.")
    found, followed = {}, ""
    for run in of_each_seed(runs):
        folder = RunFolder(run)
        read_config(folder)
        lines = read_steps(judged_folder(run).metrics)  # the source's is no step: neither a best value nor a peak
        names = sorted({name for line in lines for name in line if name.startswith(EVALUATION)})
        own = _followed(run, names, metric or followed)
        followed = followed or own
        diversity = [name for name in names if name.startswith(DIVERSITY)]
        try:
            found[str(run)] = stability(lines, metric=own, diversity=diversity)
        except InputError as error:
            raise InputError(f"{run}: {error}") from None
    return Steadiness(followed, found, over_seeds(list(found.values())))


def judged_folder(run: Path) -> RunFolder:
    """Returns the folder with a run's evaluations: where it has several stages, that of the last evaluated one."""
    folder = RunFolder(run)
    if folder.metrics.exists():
        return folder
    model = saved_model(folder)
    stages = FAMILIES[model.family].stage_networks(model)
    folders = [stage_folder(run, stage, stages) for stage in stages]
    evaluated = [one for one in folders if any(name.startswith(EVALUATION) for name in _names(one))]
    return (evaluated or folders)[-1]


def _names(folder: RunFolder) -> set[str]:
    return {name for line in read_metrics(folder.metrics) for name in line}


def of_each_seed(runs: Sequence[Path]) -> list[Path]:
    """Lists the runs, and in place of a folder that --seeds has made, those in it."""
    found = []
    for run in runs:
        found += seed_runs(run) or [run]
    return found


def _followed(run: Path, names: Sequence[str], wanted: str) -> str:
    plain = [name for name in names if not name.endswith(("/low", "/high"))]
    if not plain:
        raise InputError(f"{run} was not evaluated along training. Train with an --evaluate-every above 0.")
    if not wanted:
        wanted = next((name for name in plain if name.startswith(FOLLOWED)), plain[0])
    for name in (wanted, f"evaluate/{wanted}"):
        if name in plain:
            return name
    raise InputError(f"{run} has no evaluations of {wanted!r}. {did_you_mean(wanted, plain)}")
