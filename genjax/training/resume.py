"""Whether a run that is resumed goes on as it was begun: with the same images, source and settings."""

from typing import Any

from genjax.errors import InputError
from genjax.training.plan import Plan, changes, kept_settings


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
