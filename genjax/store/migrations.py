"""Runs of earlier formats: a table of functions, each of which brings what was written to the next format.

A format is the number under `genjax_run` in config.json and under `form` in model.json. Format 1 held the options of
every family, whichever was trained, and the options of every transfer.
"""

from collections.abc import Callable, Mapping
from typing import Any

from genjax.errors import InputError

FORMAT = 2
OPTION_GROUPS_1 = {  # format 1: {transfer: the key of its options}
    "freeze": "freeze",
    "lora": "lora",
    "l2_sp": "l2_sp",
    "ewc": "ewc",
    "miner": "miner",
    "cdc": "cdc",
    "kernel_modulation": "modulation",
    "replay": "replay",
}
NETWORKS_1 = {"gan": ("generator", "critic"), "vae": ("vae",)}
FROZEN_1: dict[str, list[str]] = {"generator": [], "critic": ["down_[!4]*"], "vae": ["encoder/down_*"]}  # by default
CHAINED_1 = ("full", "cdc", "replay", "ewc", "l2_sp", "miner", "freeze", "lora", "scale_shift", "singular_values")

Migration = Callable[[dict[str, Any]], dict[str, Any]]


def run_config_from_1(values: dict[str, Any]) -> dict[str, Any]:
    """Brings the content of a config.json from format 1 to format 2.

    Raises:
        InputError: a text-to-image model, whose stages lay elsewhere.
    """
    if values.get("kind") == "text2image":
        raise InputError(
            "this text-to-image model was made by an earlier genjax, which kept its stages in another form."
            " Train it again, or use the version that made it."
        )
    config, moved = values.get("config"), dict(values)
    if isinstance(config, dict):
        moved["config"] = settings_from_1(config, _family_1(values))
    if isinstance(values.get("model"), dict):
        moved["model"] = model_from_1(values["model"])
    return moved


def settings_from_1(config: dict[str, Any], family: str) -> dict[str, Any]:
    """Brings the settings of a run of a family from format 1 to format 2: this family's options, its own transfers'."""
    moved = dict(config)
    if "transfer" not in config:  # a pretraining
        return {name: value for name, value in moved.items() if name not in NETWORKS_1 or name == config.get("model")}
    groups = {key: moved.pop(key) for key in OPTION_GROUPS_1.values() if key in moved}
    names = [name.strip() for name in str(config["transfer"]).split(",")]
    ordered = [name for name in (*CHAINED_1, "kernel_modulation", "auto") if name in names]
    moved["transfer"] = [{"name": name} | _options_1(name, groups, family) for name in ordered]
    return moved


def _family_1(values: Mapping[str, Any]) -> str:
    model = values.get("model")
    return str(model.get("family")) if isinstance(model, dict) else ""


def _options_1(name: str, groups: Mapping[str, Any], family: str) -> dict[str, Any]:
    options = dict(groups.get(OPTION_GROUPS_1.get(name, ""), {}))
    if name == "freeze":  # a list of patterns for each network -> NETWORK/PATTERN, but for those by default
        given = {network: options.get(network, FROZEN_1[network]) for network in NETWORKS_1.get(family, ())}
        chosen = {network: patterns for network, patterns in given.items() if patterns != FROZEN_1[network]}
        options = {"patterns": [f"{network}/{one}" for network, patterns in chosen.items() for one in patterns or [""]]}
    if name == "kernel_modulation" and "ewc" in groups:  # both took their samples from one option
        options["examples"] = groups["ewc"].get("examples", 256)
    return options


def model_from_1(model: dict[str, Any]) -> dict[str, Any]:
    """Brings the description of a model from format 1 to format 2."""
    moved = {name: value for name, value in model.items() if name not in ("gan", "vae")}
    return moved | {"options": model.get(str(model.get("family")), {})}


def model_file_from_1(values: dict[str, Any]) -> dict[str, Any]:
    """Brings the content of a model.json from format 1 to format 2."""
    moved = dict(values)
    if isinstance(values.get("model"), dict):
        moved["model"] = model_from_1(values["model"])
    if isinstance(values.get("adapted"), dict):
        moved["adapted"] = settings_from_1(values["adapted"], _family_1(values))
    return moved


RUN_CONFIGS: dict[int, Migration] = {1: run_config_from_1}
MODEL_FILES: dict[int, Migration] = {1: model_file_from_1}


def migrated(values: dict[str, Any], key: str, table: Mapping[int, Migration], *, where: str) -> dict[str, Any]:
    """Brings what was written to today's format.

    Args:
        values: content of a file.
        key: under which its format stands.
        table: {format: function to the next one}.
        where: name of the file, for errors.
    Raises:
        InputError: a format that is not known, with what to do.
    """
    found: Any = values.get(key)
    while found != FORMAT:
        if found not in table:
            raise InputError(
                f"{where} has form {found}, and this genjax reads form {FORMAT}. Use the version of genjax that made"
                " the run, or train it again."
            )
        values = table[found](values) | {key: found + 1}
        found += 1
    return values
