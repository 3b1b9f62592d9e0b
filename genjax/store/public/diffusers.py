"""A checkpoint in the form of the library diffusers: config.json and .safetensors, of which nothing is executed."""

import json
import re
import shlex
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import safetensors

from genjax.errors import InputError, looked_for
from genjax.families.public_checkpoint import PublicCheckpoint

NETWORKS = ("unet", "transformer")  # folders of a pipeline that hold what makes images
WEIGHTS = "diffusion_pytorch_model"
PART = re.compile(r"-\d+-of-\d+\.safetensors$")
TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


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
    files = _files(place, name)
    if not files:
        pickles = sorted([*place.glob("*.bin"), *place.glob("*.pt"), *place.glob("*.pth"), *place.glob("*.ckpt")])
        if pickles:
            quoted = json.dumps(str(place), ensure_ascii=False)  # a text that means the same in Python
            program = (
                f"from diffusers import {architecture} as M; M.from_pretrained({quoted}).save_pretrained({quoted})"
            )
            raise InputError(
                f"{name} holds {pickles[0].name}, a pickle: reading one can run any program that its writer put there."
                f" Write it as safetensors where you trust it: python -c {shlex.quote(program)}"
            )
        raise InputError(f"{name} holds no {WEIGHTS}.safetensors. Copy it there.")
    return {key: array for file in files for key, array in _arrays(file).items()}


def _arrays(file: Path) -> dict[str, np.ndarray]:
    """Reads the tensors of a file; bfloat16, which NumPy does not have, as float32."""
    try:
        tensors = safetensors.deserialize(file.read_bytes())
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(f"{file} cannot be read as safetensors ({error}). Copy it again.") from None
    found = {}
    for name, tensor in tensors:
        kind = tensor["dtype"]
        if kind not in TYPES:
            raise InputError(
                f"{file}: {name} is of type {kind}, expected {', '.join(TYPES)}. Load the model in diffusers with"
                " torch_dtype=torch.float32 and save it again."
            )
        values = np.frombuffer(tensor["data"], TYPES[kind])
        if kind == "BF16":  # the upper half of a float32
            values = (values.astype(np.uint32) << 16).view(np.float32)
        found[name] = values.reshape(tensor["shape"])
    return found


def _files(place: Path, name: str) -> list[Path]:
    """Returns the files of a network's weights; none where there are no safetensors.

    Raises:
        InputError: several networks, or parts of one without the index that names them all.
    """
    whole, plain = place / f"{WEIGHTS}.safetensors", place / f"{WEIGHTS}.safetensors.index.json"
    if whole.is_file():
        return [whole]
    if plain.is_file():
        return _parts(plain)
    # Else a variant, such as fp16: WEIGHTS.fp16.safetensors, or parts that WEIGHTS.safetensors.index.fp16.json names.
    parts = {index: _parts(index) for index in sorted(place.glob("*.safetensors.index*.json"))}
    named = {part for some in parts.values() for part in some}
    single = [file for file in sorted(place.glob("*.safetensors")) if file not in named]
    lost = [file.name for file in single if PART.search(file.name)]
    if lost:
        raise InputError(f"{name} holds {lost[0]}, and no index that names all such parts. Copy it there.")
    if len(parts) + len(single) > 1:
        found = ", ".join(file.name for file in (*parts, *single))
        raise InputError(f"{name} holds several networks: {found}. Leave the files of one of them there.")
    return next(iter(parts.values())) if parts else single


def _parts(index: Path) -> list[Path]:
    """Returns the files that an index names."""
    weight_map = _json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise InputError(f"{index} names no files in its weight_map. Copy it again.")
    return [index.parent / Path(part).name for part in sorted(set(map(str, weight_map.values())))]


def _json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}). Copy it again.") from None
    if not isinstance(values, dict):
        raise InputError(f"{path} holds a {type(values).__name__}, expected an object of named values. Copy it again.")
    return values
