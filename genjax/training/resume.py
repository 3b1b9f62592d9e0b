"""Checks that a resumed run goes on as it was begun: with the same images, source, settings and earlier networks."""

from collections.abc import Mapping
from typing import Any

from genjax.errors import InputError
from genjax.evaluate.run_data import numbers_changed
from genjax.json_config import read_json
from genjax.store.checkpoint import damage, on_disk
from genjax.store.migrations import FORMAT, settings_from_1
from genjax.store.run_config import MAY_CHANGE, changes, kept_settings, usual_settings
from genjax.store.run_folder import read_config, write_json
from genjax.training.plan import Plan


def check_continued(plan: Plan, notes: Mapping[str, Any], data_hash: str, needs: Mapping[str, str]) -> None:
    """Raises InputError unless a stage goes on as it was begun.

    Args:
        plan: of the run.
        notes: of its latest checkpoint; empty where none was finished: config.json then says how it was begun.
        data_hash: of the images.
        needs: {earlier network: hash of its parameters}.
    """
    check_settings(notes, plan)
    check_data(notes or read_config(plan.folder), data_hash, plan)
    check_source(notes or read_config(plan.folder), plan)
    check_needs(notes, needs, plan)


def check_steps(plan: Plan) -> None:
    """Raises InputError for a stage that has been trained for more steps than are asked for now."""
    for stage in plan.stages:
        folder = plan.stage_folder(stage)
        for path in reversed(on_disk(folder.checkpoints)):
            if int(path.name) > stage.steps and not damage(path):
                raise InputError(f"{folder.path} is at step {path.name} already. Use --steps {path.name} or more.")


def check_settings(notes: Mapping[str, Any], plan: Plan) -> None:
    """Raises InputError for a checkpoint of another run, or where config.json has been changed."""
    now = kept_settings(plan.config)
    saved = notes.get("config") or now
    if notes.get("format", FORMAT if "config" not in notes else 1) == 1:
        saved = settings_from_1(saved, plan.model.family)
    saved = {name: value for name, value in saved.items() if name not in MAY_CHANGE}
    changed = changes(saved, now, usual_settings(plan.config))
    if changed:
        raise InputError(
            f"the checkpoint in {plan.folder.path} was saved under other settings than config.json has now: {changed}. "
            "Restore config.json, or start another run with --out."
        )


def check_data(notes: Mapping[str, Any], data_hash: str, plan: Plan) -> None:
    """Raises InputError unless the images are those that the run was begun with."""
    if notes.get("data_hash") != data_hash:
        raise InputError(
            f"the images of {plan.images.name} have changed since {plan.folder.path} was begun"
            f"{numbers_changed(notes, len(plan.images))}, so that it cannot go on as it would have. Restore them, name"
            " where they lie now with --data, or start another run with --out."
        )


def note_data(plan: Plan, data_hash: str) -> None:
    """Writes into config.json where the images of a resumed run lie now.

    Raises:
        InputError: they are others than those that it was begun with.
    """
    values = read_json(plan.folder.config)
    if values["config"]["data"] != plan.config.data:
        check_data(read_config(plan.folder), data_hash, plan)
        write_json(plan.folder.config, values | {"config": values["config"] | {"data": plan.config.data}})


def check_source(notes: Mapping[str, Any], plan: Plan) -> None:
    """Raises InputError unless the source is the model that the run was begun from, which it keeps parts of."""
    now = plan.source.identity if plan.source else ""
    begun = notes.get("source", now)
    if begun != now:
        raise InputError(
            f"{plan.folder.path} was begun from the model {begun[:12]}, and its source holds {now[:12]} now. Name the"
            " model that it was begun from with --source, or adapt again from this one with --force."
        )


def check_needs(notes: Mapping[str, Any], needs: Mapping[str, str], plan: Plan) -> None:
    """Raises InputError unless the networks of earlier stages are those that this one was begun with."""
    begun = notes.get("needs", needs)
    for name, sha256 in needs.items():
        if begun.get(name) != sha256:
            raise InputError(
                f"a stage of {plan.folder.path} was begun with the {name} {str(begun.get(name))[:12]}, and that there"
                f" is {sha256[:12]}. Bring back its own, or start another run with --out."
            )
