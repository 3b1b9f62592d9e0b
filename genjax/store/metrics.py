"""The measurements of a run: metrics.jsonl, and the same scalars and pictures for TensorBoard.

metrics.jsonl is strict JSON, which has no NaN and no infinity: both are written as null, and read as NaN.
"""

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genjax.store.run_folder import RunFolder, write_bytes
from genjax.store.tensorboard import Board
from genjax.terminal import reason, warn

EVALUATION = "evaluate/"  # begins the names of numbers that an evaluation measured
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
        self.file.write(_line({"step": step, **numbers}))
        self.file.flush()
        self._show(lambda board: board.scalars(step, numbers))

    def rewind(self, step: int) -> None:
        """Drops the lines beyond a step to which the run goes back."""
        self.file.close()
        if self.path.is_file():
            _truncate(self.path, step)
        self.file = self.path.open("a", encoding="utf-8")

    def picture(self, step: int, name: str, image: np.ndarray) -> None:
        """Writes an image (h, w, c), uint8."""
        self._show(lambda board: board.picture(step, name, image))

    def _show(self, write: Callable[[Board], None]) -> None:
        """Writes for TensorBoard; whatever fails there ends it for this start, and training goes on."""
        if self.board is None:
            return
        try:
            write(self.board)
        except Exception as error:
            warn(f"nothing more is written for TensorBoard ({reason(error)}); metrics.jsonl has all numbers")
            board, self.board = self.board, None
            with suppress(Exception):
                board.close()


@contextmanager
def open_metrics(folder: RunFolder, *, step: int, keep: bool = True) -> Iterator[Metrics]:
    """Opens both for a run that stands at `step`; lines beyond it, from before a stop, are dropped.

    With `keep` off nothing is written, in a process that has others to write.
    """
    path = folder.metrics if keep else Path(os.devnull)
    if keep:
        _truncate(path, step)
    metrics = Metrics(path, path.open("a", encoding="utf-8"), _open_board(folder, step) if keep else None)
    try:
        yield metrics
    finally:
        metrics.file.close()
        metrics._show(lambda board: board.close())


def _open_board(folder: RunFolder, step: int) -> Board | None:
    try:
        return Board(folder.path, step=step)
    except Exception as error:
        warn(f"nothing is written for TensorBoard ({reason(error)}); metrics.jsonl has all numbers")
        return None


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Reads the lines of a metrics.jsonl; what is no such line is left out: a last one that is torn, or damage."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [values for values in map(_read, lines) if values is not None]


def read_steps(path: Path) -> list[dict[str, Any]]:
    """Reads the lines of the steps of a run: all but those of step 0, at which an adaptation is its source."""
    return [line for line in read_metrics(path) if line["step"]]


def evaluated(path: Path, step: int) -> bool:
    """Returns True if a metrics.jsonl has an evaluation of this step."""
    lines = [line for line in read_metrics(path) if line["step"] == step]
    return any(name.startswith(EVALUATION) for line in lines for name in line)


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict) or type(values.get("step")) is not int:
        return None
    numbers = {name: math.nan if value is None else value for name, value in values.items()}
    return numbers if all(map(_is_number, numbers.values())) else None


def _line(values: Mapping[str, float]) -> str:
    """Formats numbers as a line of strict JSON."""
    finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
    return json.dumps(finite, allow_nan=False) + "\n"


def _is_number(value: Any) -> bool:
    return type(value) is float or (type(value) is int and abs(value) < LARGEST)


def _truncate(path: Path, step: int) -> None:
    kept = [line for line in read_metrics(path) if line["step"] <= step]
    if path.exists():
        write_bytes(path, "".join(map(_line, kept)).encode())
