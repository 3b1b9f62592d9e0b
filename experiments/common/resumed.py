"""Experiments that go on where they were: a run that is trained unless it is done, and rows that are kept."""

import json
from pathlib import Path
from typing import Any

from genjax.config import TrainConfig
from genjax.errors import InputError
from genjax.store.model import load_model
from genjax.store.run_folder import RunFolder, is_run, write_bytes
from genjax.training.loop import train


def trained(config: TrainConfig) -> bool:
    """Trains a run, or goes on with it, unless it is done; False if a signal stopped it."""
    folder = RunFolder(config.out)
    if is_run(folder) and (folder.model() / "model.json").exists() and load_model(config.out).step == config.steps:
        return True
    return train(config, resume=is_run(folder)).signal is None


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Reads the rows; a last one that a stop tore is deleted, so that the next is not written behind it."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    if len(found) < len(lines):
        write_bytes(path, "".join(json.dumps(row) + "\n" for row in found).encode())
    return found


def rows_by(name: str, path: Path, settings: object) -> dict[str, dict[str, Any]]:
    """Reads the rows by their names, which lie under `name`; raises InputError for one of another budget."""
    found = {row[name]: row for row in read_rows(path)}
    for row in found.values():
        check_budget(row, name, settings)
    return found


def add_row(path: Path, row: dict[str, Any]) -> None:
    """Writes a row behind those that were read."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def check_budget(row: dict[str, Any], name: str, settings: object) -> None:
    """Raises InputError where a row was made under another budget; the oldest rows state only their images."""
    had = row.get("budget") or {"images": row["images_seen"]}
    unlike = [f"{key} {value}" for key, value in had.items() if value != getattr(settings, key)]
    if unlike:
        raise InputError(f"{row[name]} was made with {', '.join(unlike)}. Name another --out for another budget.")
