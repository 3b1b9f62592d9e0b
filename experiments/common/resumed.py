"""Experiments that go on where they were: a run that is trained unless it is done, and rows that are kept."""

import json
from pathlib import Path
from typing import Any

from genjax.config import TrainConfig
from genjax.errors import InputError
from genjax.store.model import load_model
from genjax.store.run_folder import RunFolder, is_run
from genjax.training.loop import train


def trained(config: TrainConfig) -> bool:
    """Trains a run, or goes on with it, unless it is done; False if a signal stopped it."""
    folder = RunFolder(config.out)
    if is_run(folder) and (folder.model() / "model.json").exists() and load_model(config.out).step == config.steps:
        return True
    return train(config, resume=is_run(folder)).signal is None


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Reads the whole rows; the last may be torn where the machine stopped."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def check_budget(row: dict[str, Any], name: str, settings: object) -> None:
    """Raises InputError where a row was made under another budget; the oldest rows state only their images."""
    had = row.get("budget") or {"images": row["images_seen"]}
    unlike = [f"{key} {value}" for key, value in had.items() if value != getattr(settings, key)]
    if unlike:
        raise InputError(f"{row[name]} was made with {', '.join(unlike)}. Name another --out for another budget.")
