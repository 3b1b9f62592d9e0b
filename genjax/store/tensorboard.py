"""The event file that TensorBoard reads, written as a step is logged.

tensorboardX has a writer that hands events to a thread of its own, which sleeps by the machine's clock: where that is
set back, it sleeps until the old time comes again, and the run waits for it. This one has no thread.
"""

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

VERSION = "brain.Event:2"  # of the file format


class Board:
    """An open event file."""

    def __init__(self, folder: Path, *, step: int) -> None:
        """Begins a file in this folder, for a run at `step`: what older files say of later steps is void."""
        with _without_torch():
            from tensorboardX import summary
            from tensorboardX.event_file_writer import EventsWriter
            from tensorboardX.proto import event_pb2, summary_pb2

        # Made when they are imported, which type checkers do not see.
        self.event: Any = event_pb2.Event  # type: ignore[attr-defined]
        self.summary: Any = summary_pb2.Summary  # type: ignore[attr-defined]
        self.image = summary.image
        begun_before = any(folder.glob("events*"))
        # Two files of a second would have one name.
        self.writer = EventsWriter(str(folder / "events"), f".{os.getpid()}.{step}")
        if begun_before:
            self._add(step + 1, file_version=VERSION)
            log: Any = event_pb2.SessionLog  # type: ignore[attr-defined]
            self._add(step + 1, session_log=log(status=log.START))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers by name."""
        found = [self.summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._add(step, summary=self.summary(value=found))

    def picture(self, step: int, name: str, image: np.ndarray) -> None:
        """Writes an image (h, w, c), uint8."""
        self._add(step, summary=self.image(name, image, dataformats="HWC"))

    def close(self) -> None:
        """Ends the file."""
        self.writer.close()

    def _add(self, step: int, **content: Any) -> None:
        self.writer.write_event(self.event(wall_time=time.time(), step=step, **content))
        self.writer.flush()


@contextmanager
def _without_torch() -> Iterator[None]:
    """Hides PyTorch from imports while this lasts, in any thread, unless it was imported before.

    tensorboardX does without, yet imports it where it is installed: seconds and hundreds of megabytes of a run.
    """
    if "torch" in sys.modules or "tensorboardX" in sys.modules:
        yield
        return
    sys.modules["torch"] = None  # type: ignore[assignment] - the documented way to have an import fail
    try:
        yield
    finally:
        if sys.modules.get("torch") is None:  # another thread may have been about to import it
            sys.modules.pop("torch", None)
