"""The parameters of each stage on disk: a safetensors file, which executes nothing, and a JSON file that knows it.

A stage names what it belongs to by hash: image tokens mean nothing to a prior but with the tokenizer that they are of.
"""

import hashlib
from pathlib import Path
from typing import Any

import jax
import numpy as np
import safetensors
import safetensors.numpy

from genjax.errors import InputError
from genjax.json_config import read_json
from genjax.store.run_folder import write_bytes, write_json
from genjax.tree import Tree, check_alike, content_hash, flatten, unflatten

FORM = 1


def save_stage(folder: Path, name: str, network: Tree, *, step: int, belongs_to: dict[str, str]) -> None:
    """Writes the network of a stage; its model.json comes last, so that whoever finds it finds all."""
    content = safetensors.numpy.save({key: np.asarray(leaf) for key, leaf in flatten(network).items()})
    sha256 = hashlib.sha256(content).hexdigest()
    file = f"{name}-{step:06d}-{sha256[:8]}.safetensors"
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    write_bytes(place / file, content)
    values = {"form": FORM, "step": step, "file": file, "sha256": sha256}
    write_json(place / "model.json", {**values, "identity": content_hash(network), "belongs_to": belongs_to})


def finished(folder: Path, name: str, belongs_to: dict[str, str]) -> bool:
    """Whether a stage has come to its end.

    Raises:
        InputError: it has, with other parts than these.
    """
    if not (folder / name / "model.json").exists():
        return False
    _check_parts(folder, name, _description(folder, name), belongs_to)
    return True


def load_stage(
    folder: Path, name: str, *, expected: Tree | None = None, belongs_to: dict[str, str] | None = None
) -> Tree:
    """The parameters of a stage.

    Args:
        folder: of the whole model.
        name: of the stage.
        expected: shapes of the network that they are to be of; None is not asked.
        belongs_to: {part: sha256} that it must have been trained with; None is not asked.
    Raises:
        InputError: not there, damaged, of another network, or of other parts.
    """
    values = _description(folder, name)
    if belongs_to is not None:
        _check_parts(folder, name, values, belongs_to)
    path = folder / name / Path(values["file"]).name  # a name, never a path out of the folder
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != values["sha256"]:
            raise InputError(f"{path} is damaged: its sha256 is not the one in model.json. Train the model again.")
        params = unflatten({key: jax.device_put(leaf) for key, leaf in safetensors.numpy.load(content).items()})
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(f"{path} cannot be read ({error}). Train the model again.") from None
    if expected is not None:
        check_alike(params, expected, what=str(path))
    return params


def _description(folder: Path, name: str) -> dict[str, Any]:
    where = folder / name / "model.json"
    if not where.exists():
        raise InputError(f"{folder} has no trained {name}. Go on with its training first: --resume.")
    values = read_json(where)
    texts = all(isinstance(values.get(key), str) for key in ("file", "sha256", "identity"))
    if values.get("form") != FORM or not texts or not isinstance(values.get("belongs_to"), dict):
        raise InputError(f"{where} is no model of this genjax. Restore it, or train the model again.")
    return values


def _check_parts(folder: Path, name: str, values: dict[str, Any], belongs_to: dict[str, str]) -> None:
    for part, sha256 in belongs_to.items():
        found = str(values["belongs_to"].get(part))
        if found != sha256:
            raise InputError(
                f"the {name} of {folder} was trained with the {part} {found[:12]}, and the {part} there is"
                f" {sha256[:12]}. Bring back its own, or train the {name} again."
            )
