"""The config of a run on disk: read from its config.json, and compared with what is asked for now."""

import dataclasses
import os
from collections.abc import Iterator, Mapping
from typing import Any

from genjax.config.run import (
    KINDS,
    AdaptConfig,
    AnyConfig,
    C,
    ImportConfig,
    TrainConfig,
    config_from_json,
    config_to_json,
)
from genjax.data.large_images import MAX_PIXELS
from genjax.errors import InputError, lookup
from genjax.families.model import ModelConfig
from genjax.families.registry import model_from_json
from genjax.store.run_folder import RunFolder, read_config

# Settings that a resumed run may be given anew: nothing that a step depends on.
MAY_CHANGE = (
    *("out", "source", "data", "steps"),  # what lies in these places is known by its hash
    *("log_every", "sample_every", "save_every", "evaluate_every", "evaluate_num"),
    *("devices", "shard_state", "steps_per_dispatch"),  # nothing but rounding
)
AVERAGED, RUN = "averaged", "run"  # keys of a config.json: of a run that was rebuilt, and the run that it was made of
LATER = {
    "overfit_one_batch": False,
    "shots_of": "",
    "class_depth": 1,
    "captions": "require",
    "max_pixels": MAX_PIXELS,
    "select": False,
    "candidates": [],
    "new_classes": False,
}  # settings that older runs do not name, and the value that they all had


def run_config(folder: RunFolder) -> AnyConfig | ImportConfig:
    """Reads the config that a run of any kind was begun with.

    Raises:
        InputError: no run there, another kind, an unknown key or a wrong value.
    """
    values = read_config(folder)
    kind = lookup({name: kind for kind, name in KINDS.items()}, str(values.get("kind")), "kind of run")
    if not isinstance(values.get("config"), dict):
        raise InputError(f"{folder.config} lacks 'config': it is no run of this genjax. Train it again.")
    return config_from_json(kind, values["config"], where=str(folder.config))


def saved_config(folder: RunFolder, kind: type[C]) -> C:
    """Reads the config that a run of this kind was begun with.

    Raises:
        InputError: no run there, one of the other kind, one that was not trained, or one with an unknown key or a wrong
            value.
    """
    values = read_config(folder)
    found, averaged = values.get("kind"), values.get(AVERAGED)
    if isinstance(averaged, dict):
        origin = os.path.normpath(folder.path / str(averaged.get(RUN)))
        raise InputError(
            f"{folder.path} was made by `genjax average`, and has no training to go on with. Resume the run that it was"
            f" made of, {origin}, or adapt this one."
        )
    if found == KINDS[ImportConfig]:
        raise InputError(
            f"{folder.path} was imported, and there is no training of it to go on with. Adapt it:"
            f" genjax adapt --source {folder.path}."
        )
    if found != KINDS[kind]:
        raise InputError(f"{folder.path} was made by `genjax {found}`. Resume it with the same command.")
    config: Any = run_config(folder)
    return config


def saved_model(folder: RunFolder) -> ModelConfig:
    """Reads the model config of a run from its config.json, whether or not a model was saved.

    Raises:
        InputError: no run there, or one that does not describe its model.
    """
    values = read_config(folder).get("model")
    if not isinstance(values, dict):
        raise InputError(f"{folder.config} lacks 'model': it is no run of this genjax. Train it again.")
    return model_from_json(values, where=str(folder.config))


def saved_data(folder: RunFolder) -> str:
    """Reads the name of the set that a run was trained on.

    Raises:
        InputError: no run there.
    """
    values = read_config(folder)
    config = values.get("config", {})
    if values.get("kind") == KINDS[ImportConfig]:
        raise InputError(
            f"{folder.path} was imported, and the images that it was trained on are not here. Name a set with --data."
        )
    if not isinstance(config, dict) or not isinstance(config.get("data"), str):
        raise InputError(f"{folder.config} does not say what the run was trained on. Name the set with --data.")
    return config["data"]


def kept_settings(config: TrainConfig | AdaptConfig) -> dict[str, Any]:
    """Returns {name: value} of everything that each step of a run depends on."""
    settings = {name: value for name, value in config_to_json(config).items() if name not in MAY_CHANGE}
    later = LATER | ({"condition": config.family.conditions[0]} if isinstance(config, TrainConfig) else {})
    return {name: value for name, value in settings.items() if name not in later or value != later[name]}


def usual_settings(config: TrainConfig | AdaptConfig) -> dict[str, Any]:
    """Returns the groups of `kept_settings` with all options at their defaults: what holds where one was not there."""
    groups: dict[str, Any] = {"control": type(config.control)()}
    if isinstance(config, TrainConfig):
        groups["model"] = config.family.options()
    else:
        groups["adaptation"] = type(config.adaptation)()
        groups["transfer"] = tuple(type(one)() for one in config.transfers)
    usual = kept_settings(dataclasses.replace(config, **groups))
    return {name: value for name, value in usual.items() if isinstance(value, dict | list)}


def changes(before: dict[str, Any], after: dict[str, Any], usual: Mapping[str, Any] | None = None) -> str:
    """Returns the settings that differ, as ``seed 0 -> 1; gan.width 8 -> 16``; empty where none does.

    Args:
        before: settings of then.
        after: settings of now.
        usual: settings that stand for those that `before` lacks; None is nothing.
    """
    new = dict(_named(after))
    old = {name: value for name, value in _named(dict(usual or {})) if name in new} | dict(_named(before))
    names = [name for name in {**new, **old} if old.get(name) != new.get(name)]  # in the order of today's settings
    return "; ".join(f"{name} {old.get(name)!r} -> {new.get(name)!r}" for name in names)


def _named(settings: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _named(value, f"{prefix}{name}.")
        elif isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
            yield f"{prefix}{name}", ",".join(str(entry.get("name")) for entry in value)
            for entry in value:
                own = {key: part for key, part in entry.items() if key != "name"}
                yield from _named(own, f"{prefix}{entry.get('name')}.")
        else:
            yield f"{prefix}{name}", value
