"""The folder of a run: what lies where, how it begins, and how its text files are written whole."""

import json
import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from genjax.errors import InputError
from genjax.json_config import read_json
from genjax.store.lock import NAME as LOCK
from genjax.store.lock import check_unlocked
from genjax.store.migrations import FORMAT, RUN_CONFIGS, migrated
from genjax.version import __version__

MARK = "genjax_run"  # the key by which a config.json is known as ours
PART = ".part"  # ends the hidden name under which a file is written, until it is whole
SHOWN = 10  # most runs that a message names
UNFINISHED = "orbax-checkpoint-tmp"  # the same for the folder of a checkpoint

# What to do about a run that is in the way: of verbs that can go on with it, and of those that cannot.
GO_ON = "Use --resume to go on with it, --force to delete it and start again, or another --out."
REPLACE = "Use --force to delete it, or another --out."


@dataclass(frozen=True)
class RunFolder:
    """Names of what a run keeps."""

    path: Path

    @property
    def config(self) -> Path:
        """Settings that were asked for, with what they were resolved to."""
        return self.path / "config.json"

    @property
    def metrics(self) -> Path:
        """Returns the file of metrics, one JSON object a line."""
        return self.path / "metrics.jsonl"

    @property
    def records(self) -> Path:
        """Records that were measured apart and are kept for the report."""
        return self.path / "records.json"

    @property
    def selection(self) -> Path:
        """Returns the file of what was tried to choose transfer and steps; none lies there where nothing was."""
        return self.path / "selection.json"

    @property
    def left_out(self) -> Path:
        """Returns the list of the files of its set that a run leaves out; none lies there where it leaves out none."""
        return self.path / "left_out.txt"

    @property
    def checkpoints(self) -> Path:
        """Returns the folder of training states, to resume from."""
        return self.path / "checkpoints"

    def model(self, which: str = "latest") -> Path:
        """Returns the folder of parameters alone, to sample from and to adapt: the latest, or the best."""
        return self.path / "model" / which

    @property
    def averages(self) -> Path:
        """Returns the folder of averages along training, of which others are rebuilt."""
        return self.path / "averages"

    @property
    def samples(self) -> Path:
        """Pictures of the same latents along training."""
        return self.path / "samples"


def check_free(folder: RunFolder, *, force: bool, advice: str = GO_ON) -> None:
    """Checks that a run may begin in this folder; to be called before anything is computed.

    Args:
        folder: where the run is to be.
        force: an older run there is deleted.
        advice: what is said where something is there and `force` is off.
    Raises:
        InputError: something is there and `force` is off, or what is there is not a run, which is never deleted, or
            is one that another process trains.
    """
    _check_ours(folder, force=force, advice=advice)
    check_unlocked(folder.path)


def _check_ours(folder: RunFolder, *, force: bool, advice: str = GO_ON) -> None:
    path = folder.path
    if not path.exists() or (path.is_dir() and not any(map(_counts, path.iterdir()))):
        return
    if not path.is_dir():
        raise InputError(f"--out {path} is a file. Name a folder.")
    if not force:
        raise InputError(f"{path} exists already. {advice}")
    if not is_run(folder):
        raise InputError(f"{path} is not a run of genjax, so --force does not delete it. Use another --out.")


def begin(folder: RunFolder, config: dict[str, Any], *, force: bool) -> None:
    """Makes the folder with its config.json, under its lock; with `force` an older run there is deleted first.

    An older run's config.json goes last, and the new one comes first: whenever it is interrupted, the folder is either
    empty or a run, and can be begun again.

    Raises:
        InputError: see `check_free`; or the folder cannot be made.
    """
    _check_ours(folder, force=force)
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        for path in folder.path.iterdir():
            if path not in (folder.config, folder.path / LOCK):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        write_json(folder.config, {MARK: FORMAT, "version": __version__, **config})
        folder.samples.mkdir()
    except OSError as error:
        raise InputError(f"--out {folder.path} cannot be written ({error}). Use another --out.") from None


def _counts(path: Path) -> bool:
    """Returns True if a file means that a folder is in use: no free lock, and nothing that was never finished."""
    return path.name != LOCK and not (path.name.startswith(".") and path.name.endswith(PART))


def stage_folder(run: Path, stage: str, stages: Collection[str]) -> RunFolder:
    """Returns the folder of a stage: that of the run, or, where a model has several, one of its own inside."""
    return RunFolder(run if len(stages) == 1 else run / stage)


def prepare_resumed(folder: RunFolder, stages: Collection[str] = ("",)) -> None:
    """Makes a run's folder ready to be gone on with, under its lock: what an earlier stop left unfinished is deleted.

    Args:
        folder: of the run.
        stages: names of its stages.
    Raises:
        InputError: a part of the run is a link out of it, where training would write.
    """
    for own in [folder, *(stage_folder(folder.path, stage, stages) for stage in stages)]:
        parts = [own.path, own.config, own.metrics, own.samples, own.checkpoints, own.averages, own.path / "model"]
        for part in (*parts, own.model("latest"), own.model("best"), *own.checkpoints.glob("*")):
            if part.is_symlink() and part != folder.path:
                raise InputError(
                    f"{part} is a link, and a run writes into its own folder only. Replace it by what is meant."
                )
        for path in leftovers(own):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    folder.samples.mkdir(exist_ok=True)


def leftovers(folder: RunFolder) -> list[Path]:
    """Returns what a stopped training was writing in a folder and did not finish."""
    written = [
        folder.path.glob(f".{path.name}*{PART}")
        for path in (folder.config, folder.metrics, folder.records, folder.selection, folder.left_out)
    ]
    inside = [part.rglob(f".*{PART}") for part in (folder.samples, folder.averages, folder.path / "model")]
    return sorted([*chain(*written, *inside), *folder.checkpoints.glob(f"*{UNFINISHED}*")])


def seed_runs(path: Path) -> list[Path]:
    """Returns the runs in a folder that --seeds has made, in the order of their seeds; none in any other."""
    found = sorted(path.glob("seed-*"), key=lambda run: (len(run.name), run))
    return [] if is_run(RunFolder(path)) else found


def runs_inside(path: Path) -> list[Path]:
    """Returns the runs in a folder that is none itself: those of several seeds, or whatever lies there."""
    if is_run(RunFolder(path)):
        return []
    return seed_runs(path) or sorted(child for child in path.glob("*") if is_run(RunFolder(child)))


def what_to_name(path: Path) -> str:
    """Says which folder to name in place of one that is no run."""
    runs = runs_inside(path)
    if not runs:
        return "Name the folder of a run that genjax has made."
    shown = ", ".join(run.name for run in runs[:SHOWN])
    more = f" and {len(runs) - SHOWN} more" if len(runs) > SHOWN else ""
    return f"It holds other runs ({shown}{more}). Name one of them: {runs[0]}."


def is_run(folder: RunFolder) -> bool:
    """Returns True if the folder holds a run of genjax."""
    try:
        return MARK in read_json(folder.config)
    except InputError:
        return False


def read_config(folder: RunFolder) -> dict[str, Any]:
    """Reads what `begin` wrote, in today's format.

    Raises:
        InputError: no run there, or one of a form that this genjax does not read.
    """
    if not folder.config.exists():
        raise InputError(f"{folder.config} does not exist. {what_to_name(folder.path)}")
    values = read_json(folder.config)
    if MARK not in values:
        raise InputError(f"{folder.config} is not the config of a genjax run. Name the folder of one.")
    return migrated(values, MARK, RUN_CONFIGS, where=str(folder.config))


def write_json(path: Path, values: Any) -> None:
    """Writes a JSON file that is either the old one or the new one at every moment."""
    write_bytes(path, (json.dumps(values, indent=2) + "\n").encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file that is either the old one or the new one at every moment, also if the machine stops."""
    part = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    part.unlink(missing_ok=True)  # never through a link that lies there
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)  # a full disk is not to be fuller
        raise
