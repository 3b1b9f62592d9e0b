"""Ctrl-C and SIGTERM: noted, so that a run stops at the end of a step with everything saved."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from signal import SIGINT, SIGTERM, Signals
from signal import signal as set_handler

from genjax.devices.processes import asked_to_stop, several


@dataclass
class Interruption:
    """The signal that asked the run to stop, if one did."""

    signal: Signals | None = None

    def asked(self) -> bool:
        """Returns True to stop; of several processes, all hear of it at the same step, whichever got the signal."""
        if several() and asked_to_stop():
            self.signal = SIGTERM
        return self.signal is not None


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Notes Ctrl-C and SIGTERM instead of letting them end the process; a second Ctrl-C ends it.

    Schedulers send SIGTERM more than once: a second one changes nothing, as everything is being saved already.

    Outside the main thread, where signals cannot be caught, nothing is changed.
    """
    noted = Interruption()

    def note(number: int, frame: object) -> None:
        if noted.signal is not None and number == SIGINT:
            raise KeyboardInterrupt
        noted.signal = noted.signal or Signals(number)

    def pass_on(number: int, frame: object) -> None:
        os.kill(os.getpid(), SIGTERM)

    if threading.current_thread() is not threading.main_thread():
        yield noted
        return
    # Of several processes, JAX has a handler of its own for SIGTERM, by which the others are told.
    handlers = {SIGINT: pass_on} if several() else {SIGINT: note, SIGTERM: note}
    before = {number: set_handler(number, handler) for number, handler in handlers.items()}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            set_handler(number, handler)
