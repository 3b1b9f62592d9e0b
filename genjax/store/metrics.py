"""The measurements of a run: metrics.jsonl, and the same scalars and pictures for TensorBoard."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genjax.store.run_folder import RunFolder, write_bytes
from genjax.store.tensorboard import Board

LARGEST = 2**53  # whole number that a line can hold: what is written are floats, and steps


@dataclass
class Metrics:
    """Two open files that say the same."""

    path: Path
    file: Any
    board: Board | None

    def write(self, step: int, values: Mapping[str, Any]) -> None:
        """Writes one line {"step": ..., name: number, ...}."""
        numbers = {name: float(np.asarray(value)) for name, value in values.items()}
        self.file.write(json.dumps({"step": step, **numbers}) + "\n")
        self.file.flush()
        if self.board:
            self.board.scalars(step, numbers)

    def rewind(self, step: int) -> None:
        """Drops the lines beyond a step to which the run goes back."""
        self.file.close()
        if self.path.is_file():
            _truncate(self.path, step)
        self.file = self.path.open("a", encoding="utf-8")

    def picture(self, step: int, name: str, image: np.ndarray) -> None:
        """Writes an image (h, w, c), uint8."""
        if self.board:
            self.board.picture(step, name, image)


@contextmanager
def open_metrics(folder: RunFolder, *, step: int, keep: bool = True) -> Iterator[Metrics]:
    """Opens both for a run that stands at `step`; lines beyond it, from before a stop, are dropped.

    With `keep` off nothing is written, in a process that has others to write.
    """
    path = folder.metrics if keep else Path(os.devnull)
    if keep:
        _truncate(path, step)
    board = Board(folder.path, step=step) if keep else None
    metrics = Metrics(path, path.open("a", encoding="utf-8"), board)
    try:
        yield metrics
    finally:
        metrics.file.close()
        if board:
            board.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Reads the lines of a metrics.jsonl; what is no such line is left out: a last one that is torn, or damage."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [values for values in map(_read, lines) if values is not None]


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict) or type(values.get("step")) is not int:
        return None
    return values if all(map(_is_number, values.values())) else None


def _is_number(value: Any) -> bool:
    return type(value) is float or (type(value) is int and abs(value) < LARGEST)


def _truncate(path: Path, step: int) -> None:
    kept = [line for line in read_metrics(path) if line["step"] <= step]
    if path.exists():
        write_bytes(path, "".join(json.dumps(line) + "\n" for line in kept).encode())
