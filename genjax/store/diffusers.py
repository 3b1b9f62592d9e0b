"""A checkpoint in the form of the library diffusers: config.json and .safetensors, of which nothing is executed."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from genjax.errors import InputError, looked_for
from genjax.families.public_checkpoint import PublicCheckpoint

NETWORKS = ("unet", "transformer")  # folders of a pipeline that hold what makes images
WEIGHTS = "diffusion_pytorch_model"


def read_diffusers(folder: Path, known: Collection[str]) -> PublicCheckpoint:
    """Reads a checkpoint.

    Args:
        folder: of a whole pipeline, with model_index.json, or of its network alone.
        known: architectures that can be used.
    Raises:
        InputError: no checkpoint there, another architecture, or weights that are no whole safetensors.
    """
    name = f"diffusers:{folder}"
    if not folder.is_dir():
        raise InputError(
            f"{name}: there is no such folder{looked_for(folder)}. Name one that holds config.json or model_index.json:"
            " genjax downloads nothing."
        )
    place = next((folder / part for part in NETWORKS if (folder / part / "config.json").is_file()), folder)
    if not (place / "config.json").is_file():
        raise InputError(
            f"{name} holds neither config.json nor unet/config.json. Name the folder that save_pretrained has written."
        )
    network = _json(place / "config.json")
    architecture = str(network.get("_class_name"))
    if architecture not in known:
        raise InputError(
            f"{name} is a {architecture}, which genjax does not have. It reads {', '.join(sorted(known))}."
        )
    return PublicCheckpoint(name, architecture, network, _scheduler(folder, name), _tensors(place, name, architecture))


def _scheduler(folder: Path, name: str) -> dict[str, Any]:
    """Reads what a network was trained by; {} where nothing is there.

    Raises:
        InputError: one that is not of steps with variances.
    """
    file = "scheduler_config.json"
    for place in (folder / "scheduler" / file, folder / file, folder.absolute().parent / "scheduler" / file):
        if place.is_file():
            values = _json(place)
            if "beta_schedule" not in values:
                raise InputError(
                    f"{name}: its scheduler is a {values.get('_class_name')}, which has no beta_schedule. Only networks"
                    " that were trained by steps of noise can be used, such as by a DDPMScheduler."
                )
            return values
    return {}


def _tensors(place: Path, name: str, architecture: str) -> dict[str, np.ndarray]:
    """Reads all tensors of a network, from one file or several."""
    index, whole = place / f"{WEIGHTS}.safetensors.index.json", place / f"{WEIGHTS}.safetensors"
    files = [whole] if whole.is_file() else sorted(place.glob("*.safetensors"))
    if index.is_file() and not whole.is_file():
        parts = _json(index).get("weight_map", {})
        files = [place / Path(part).name for part in sorted(set(map(str, parts.values())))]
    elif len(files) > 1:
        raise InputError(f"{name} holds {', '.join(file.name for file in files)}. Leave one of them there.")
    if not files:
        pickles = sorted([*place.glob("*.bin"), *place.glob("*.pt"), *place.glob("*.pth"), *place.glob("*.ckpt")])
        if pickles:
            raise InputError(
                f"{name} holds {pickles[0].name}, a pickle: reading one can run any program that its writer put there."
                f" Write it as safetensors where you trust it: python -c 'from diffusers import {architecture} as M;"
                f' M.from_pretrained("{place}").save_pretrained("{place}")\''
            )
        raise InputError(f"{name} holds no {WEIGHTS}.safetensors. Copy it there.")
    found: dict[str, np.ndarray] = {}
    for file in files:
        try:
            found |= safetensors.numpy.load(file.read_bytes())
        except (OSError, safetensors.SafetensorError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{file} cannot be read as safetensors ({error}). Copy it again.") from None
    return found


def _json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}). Copy it again.") from None
    if not isinstance(values, dict):
        raise InputError(f"{path} holds a {type(values).__name__}, expected an object of named values. Copy it again.")
    return values
