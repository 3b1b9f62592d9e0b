"""The folder of a run: what lies where, how it begins, and how its text files are written whole."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genjax import __version__
from genjax.config import CONFIG_VERSION, read_json
from genjax.errors import InputError
from genjax.train.lock import check_unlocked

MARK = "genjax_run"  # the key by which a config.json is known as ours


@dataclass(frozen=True)
class RunFolder:
    """Names of what a run keeps."""

    path: Path

    @property
    def config(self) -> Path:
        """What was asked for, and what it was resolved to."""
        return self.path / "config.json"

    @property
    def metrics(self) -> Path:
        """One JSON object a line."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Training states, to resume from."""
        return self.path / "checkpoints"

    def model(self, which: str = "latest") -> Path:
        """Parameters alone, to sample from and to adapt: the latest, or the best."""
        return self.path / "model" / which

    @property
    def samples(self) -> Path:
        """Pictures of the same latents along training."""
        return self.path / "samples"


def check_free(folder: RunFolder, *, force: bool) -> None:
    """Whether a run may begin in this folder; to be asked before anything is computed.

    Raises:
        InputError: something is there and `force` is off, or what is there is not a run, which is never deleted, or
            is one that another process trains.
    """
    path = folder.path
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not path.is_dir():
        raise InputError(f"--out {path} is a file. Name a folder.")
    if not force:
        raise InputError(
            f"{path} exists already. Use --resume to go on with it, --force to delete it and start again, "
            "or another --out."
        )
    if not is_run(folder):
        raise InputError(f"{path} is not a run of genjax, so --force does not delete it. Use another --out.")
    check_unlocked(path)


def begin(folder: RunFolder, config: dict[str, Any], *, force: bool) -> None:
    """Makes the folder with its config.json; with `force` an older run there is deleted first.

    Raises:
        InputError: see `check_free`; or the folder cannot be made.
    """
    check_free(folder, force=force)
    try:
        shutil.rmtree(folder.path, ignore_errors=True)
        folder.samples.mkdir(parents=True)
        write_json(folder.config, {MARK: CONFIG_VERSION, "version": __version__, **config})
    except OSError as error:
        raise InputError(f"--out {folder.path} cannot be written ({error}). Use another --out.") from None


def is_run(folder: RunFolder) -> bool:
    """Whether the folder holds a run of genjax."""
    try:
        return MARK in read_json(folder.config)
    except InputError:
        return False


def read_config(folder: RunFolder) -> dict[str, Any]:
    """What `begin` wrote.

    Raises:
        InputError: no run there, or one of a newer form.
    """
    values = read_json(folder.config)
    if MARK not in values:
        raise InputError(f"{folder.config} is not the config of a genjax run. Name the folder of one.")
    if values[MARK] != CONFIG_VERSION:
        raise InputError(
            f"{folder.config} has form {values[MARK]}, this genjax ({__version__}) reads form {CONFIG_VERSION}. "
            "Use the version of genjax that made the run."
        )
    return values


def write_json(path: Path, values: Any) -> None:
    """Writes a JSON file that is either the old one or the new one at every moment."""
    write_bytes(path, (json.dumps(values, indent=2) + "\n").encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file that is either the old one or the new one at every moment, also if the machine stops."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def resumable(folder: RunFolder) -> bool:
    """Whether the folder holds a run with something to go on from."""
    return is_run(folder) and folder.checkpoints.is_dir() and any(folder.checkpoints.iterdir())
