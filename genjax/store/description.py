"""The description of a run's model, model.json: its networks, its source, its ancestors, its controllers.

Parameters are read in `genjax.store.model`.
"""

import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from genjax.errors import InputError
from genjax.families.learner import Learner
from genjax.families.model import Model, ModelConfig
from genjax.families.registry import model_from_json
from genjax.json_config import read_json
from genjax.store.migrations import MODEL_FILES, migrated
from genjax.store.run_folder import RunFolder, is_run, read_config, runs_inside, stage_folder, what_to_name
from genjax.transfer.registry import from_json as transfer_from_json
from genjax.transfer.registry import names as transfer_names
from genjax.tree import difference, flatten, refill
from genjax.zoo.cards import located


def read_model_config(run: Path, *, which: str = "latest") -> ModelConfig:
    """Reads the config of a run's model, without its parameters.

    Raises:
        InputError: no model there, or a damaged description.
    """
    values = read_description(run, which)
    return model_from_json(values["model"], where=str(description_file(run, which)))


def read_description(run: Path, which: str = "latest") -> dict[str, Any]:
    """Reads the model.json of a run; of a model of several stages, that of the first one.

    Raises:
        InputError: no model there, or a damaged description.
    """
    return described(description_file(run, which))


def source_of(run: Path) -> tuple[Path, str]:
    """Returns the folder of the run that a run was adapted from, and the identity of the model that was there.

    Raises:
        InputError: it does not say.
    """
    try:
        entry = read_description(run)["source"]
        return located(entry["path"], run), entry["identity"]
    except (KeyError, TypeError):
        raise InputError(f"{run} does not say what it was adapted from. Name a run that was adapted.") from None


def description_file(run: Path, which: str) -> Path:
    """Returns the first model.json of a run."""
    place = RunFolder(run)
    if (place.model(which) / "model.json").exists():
        return place.model(which) / "model.json"
    staged = sorted(run.glob("*/model/latest/model.json")) if run.is_dir() and not runs_inside(run) else []
    if staged:
        return staged[0]
    if which == "best" and (place.model() / "model.json").exists():
        raise InputError(
            f"{run} has no best model, as none was evaluated along its training. Use --which latest, or train with"
            " --evaluate-every."
        )
    if is_run(place):
        read_config(place)  # refuses one of an earlier form, whose model lies elsewhere
    raise InputError(f"{run} holds no model. {what_to_name(run)}")


def described(where: Path) -> dict[str, Any]:
    """Reads a model.json.

    Raises:
        InputError: none there, a damaged one, or one of another form.
    """
    values = read_json(where)
    if not isinstance(values.get("model"), dict):
        raise InputError(f"{where} lacks 'model': it is no model of this genjax. Train the run again.")
    return migrated(values, "form", MODEL_FILES, where=str(where))


def best_score(folder: RunFolder) -> float:
    """Returns the score of a stage's best model; infinity where none can be read."""
    score = _best(folder).get("score")
    return float(score) if isinstance(score, int | float) else math.inf


def best_step(folder: RunFolder) -> int | None:
    """Returns the step of a stage's best model, 0 of an adaptation's source; None where none can be read."""
    step = _best(folder).get("step")
    return step if isinstance(step, int) else None


def _best(folder: RunFolder) -> dict[str, Any]:
    try:
        return read_json(folder.model("best") / "model.json")
    except InputError:
        return {}


def ancestry(run: Path, model: Model) -> tuple[dict[str, str], ...]:
    """Returns the models that led to this one, the oldest first and itself the last: identity, data and transfer."""
    values = read_description(run)
    adapted = values.get("adapted", {})
    begun = read_json(RunFolder(run).config).get("config", {})
    data = adapted.get("data") or begun.get("data") or begun.get("checkpoint", "unknown")
    transfer = transfer_names(transfer_from_json(adapted["transfer"], where=str(run))) if adapted else "none"
    own = {"identity": model.identity, "data": str(data), "transfer": transfer}
    return (*values.get("ancestry", ()), own)


def carried_control(run: Path, learner: Learner, stage: str, stages: Collection[str]) -> Any:
    """Returns the state in which a run's controllers ended, for a learner with the same controllers.

    Raises:
        InputError: they are not the same.
    """
    values = described(stage_folder(run, stage, stages).model() / "model.json").get("control", {})
    like = learner.controller.init()
    kept = {name: jax.device_put(np.asarray(value, dtype)) for name, (dtype, value) in values.items()}
    lines = difference(kept, like)
    if lines:
        raise InputError(
            f"the controllers of {run} are not those of this adaptation, so that their state cannot be carried:"
            f" {'; '.join(lines[:3])}. Use the same --control settings, or --control-state reset."
        )
    return refill(like, kept)


def scalars(control: Any) -> dict[str, np.ndarray]:
    """Returns the state of controllers as model.json holds it: {name: array}."""
    return {name: np.asarray(leaf) for name, leaf in flatten(control).items()}


def relied_on(folders: Sequence[RunFolder]) -> set[str]:
    """Returns the networks that those of later stages were trained with."""
    found: set[str] = set()
    for folder in folders:
        if (folder.model() / "model.json").exists():
            found |= set(described(folder.model() / "model.json").get("needs", {}))
    return found
