"""An average of another width, rebuilt after training from those that the run has kept, as a run of its own."""

import os
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from genjax.errors import InputError
from genjax.families.averages import Mixture, Profile, check_width, gamma_of, mixture, named
from genjax.families.learner import Networks
from genjax.families.model import Model
from genjax.families.registry import FAMILIES
from genjax.json_config import read_json
from genjax.store.averages import Kept, kept_averages, mixed, rebuilt_files, widths_in, write_files
from genjax.store.description import source_of
from genjax.store.lock import check_unlocked, locked
from genjax.store.model import load_model
from genjax.store.run_config import AVERAGED, RUN
from genjax.store.run_folder import REPLACE, RunFolder, begin, check_free, read_config, stage_folder
from genjax.training.plan_checks import check_name
from genjax.tree import check_alike, flatten

FARTHEST = 0.1  # error of a mixture, beyond which it is another average
ROUNDING = 2.0**-11  # share by which half precision is off, at most; a mixture multiplies it by its factors
TRIED = (0.01, 0.015, *(round(0.01 * width, 2) for width in range(2, 29)))  # widths, for advice


class Rebuilt(NamedTuple):
    """An average that was rebuilt.

    Attributes:
        out: folder of the run that holds it.
        step: step of the training at which it is that average.
        kept: number of steps whose averages it was made of.
        error: error of its weights over the steps as a share of their norm, and of the half precision of what was kept.
    """

    out: Path
    step: int
    kept: int
    error: float


class _Recipe(NamedTuple):
    """The files of a stage, and what each average in them counts."""

    kept: list[Kept]
    keys: list[tuple[int, str]]
    mixture: Mixture


def rebuild_average(
    run: Path, width: float, *, out: Path | None = None, source: Path | None = None, force: bool = False
) -> Rebuilt:
    """Writes a run whose model is the average of this width at the last step that averages were kept of.

    Args:
        run: folder of the run.
        width: sigma_rel, the deviation of the average's weights over the steps as a share of the training.
        out: folder of the new run; None is RUN-average-WIDTH.
        source: where the run that it was adapted from lies, if it has been moved since.
        force: delete a run that is in that folder.
    Raises:
        InputError: no averages there, a width that they do not span, a damaged file, or something in the way.
    """
    check_width(width, option="--sigma-rel")
    out = out or run.with_name(f"{run.resolve().name}-average-{named(width)}")
    config = read_config(RunFolder(run))
    check_unlocked(run)
    model = load_model(run, source=source)
    _check_out(out, [run, *([source or source_of(run)[0]] if config.get("source") else [])], force=force)
    stages = FAMILIES[model.config.family].stage_networks(model.config)
    folders = {stage: stage_folder(run, stage, stages) for stage in stages}
    needs = {name for own in folders.values() for name in read_json(own.model() / "model.json").get("needs", {})}
    # Later stages were trained with the latest networks of the earlier ones, which therefore stay.
    free = [stage for stage, networks in stages.items() if not needs & set(networks)]
    recipes = {stage: _recipe(run, kept, width) for stage in free if (kept := kept_averages(folders[stage]))}
    if not recipes:
        raise InputError(
            f"{run} kept no averages that another could be rebuilt from. Name a run whose model has the option"
            " ema-widths, trained with it."
        )
    last = list(recipes.values())[-1]
    made = Rebuilt(out, last.kept[-1].step, len(last.kept), max(one.mixture.error for one in recipes.values()))
    averaged = {RUN: os.path.relpath(run, out), "sigma_rel": width, "step": made.step, "error": made.error}
    described = config | {"config": config["config"] | {"out": str(out)}, AVERAGED: averaged}
    files = {}  # all is read before anything is written: an error is that of the run, or that of --out
    for stage, own in folders.items():
        further, networks = _source_from(own, run, out, source), {}
        if stage in recipes:
            further["step"] = recipes[stage].kept[-1].step
            networks = _rebuilt(run, recipes[stage], model)
        files[stage] = rebuilt_files(own, networks, further)
    try:
        with locked(out):
            begin(RunFolder(out), described, force=force)
            for stage in stages:
                write_files(files[stage], stage_folder(out, stage, stages))
    except OSError as error:
        raise InputError(f"--out {out} cannot be written ({error}). Use another --out.") from None
    return made


def _source_from(own: RunFolder, run: Path, out: Path, source: Path | None) -> dict[str, Any]:
    """Returns the entry of model.json that says where the source of an adaptation lies, as seen from another folder."""
    entry = read_json(own.model() / "model.json").get("source")
    if not entry:
        return {}
    path = (source or run / entry["path"]).resolve()
    return {"source": entry | {"path": os.path.relpath(path, out.resolve())}}


def _check_out(out: Path, others: Sequence[Path], *, force: bool) -> None:
    """Raises InputError unless a run may be written there: apart from these others, which --force would delete."""
    for other in others:
        one, two = out.resolve(), other.resolve()
        if one == two or one in two.parents or two in one.parents:
            raise InputError(f"--out {out} and the run {other} lie one in the other. Use another --out.")
    check_name(out)
    check_free(RunFolder(out), force=force, advice=REPLACE)


def _recipe(run: Path, kept: Sequence[Kept], width: float) -> _Recipe:
    widths = widths_in(kept[-1])
    keys = [(one.step, held) for one in kept for held in widths]
    profiles = [Profile(step, gamma_of(float(held))) for step, held in keys]

    def made(width: float) -> Mixture:
        found = mixture(profiles, Profile(kept[-1].step, gamma_of(width)))
        return found._replace(error=found.error + ROUNDING * float(np.abs(found.factors).sum()))

    found = made(width)
    if found.error > FARTHEST:
        raise InputError(
            f"--sigma-rel {width:g} cannot be rebuilt from what {run} kept, widths {' and '.join(widths)} at"
            f" {len(kept)} steps: the nearest is {found.error:.0%} off. Use {_near(made, widths)}."
        )
    return _Recipe(list(kept), keys, found)


def _near(made: Callable[[float], Mixture], widths: Sequence[str]) -> str:
    """Says which widths can be rebuilt: those that were kept, and what is near to them."""
    tried = sorted({*TRIED, *map(float, widths)})
    found = [list(some) for near, some in groupby(tried, lambda width: made(width).error <= FARTHEST) if near]
    ends = [[named(width) for width in dict.fromkeys((some[0], some[-1]))] for some in found]
    return " or ".join(" to ".join(some) for some in ends)


def _rebuilt(run: Path, recipe: _Recipe, model: Model) -> Networks:
    """Returns {network: {name: array}} of a stage, as they are stored."""
    flat = mixed(recipe.kept, dict(zip(recipe.keys, recipe.mixture.factors, strict=True)))
    trees: dict[str, dict[str, np.ndarray]] = {}
    for name, leaf in flat.items():
        network, _, rest = name.partition("/")
        trees.setdefault(network, {})[rest] = leaf
    for network, tree in trees.items():
        check_alike(tree, flatten(model.networks.get(network, {})), what=f"the averages of the {network} in {run}")
    return trees
