"""Training for a time: one that is stopped after so many seconds of the processor."""

import os
import signal
import threading
import time

from genjax.config import TrainConfig
from genjax.errors import InputError
from genjax.training.loop import train

ENDLESS = 10_000_000  # steps: time ends a training


def trained_for(config: TrainConfig, cpu_seconds: float) -> bool:
    """Trains for so many seconds of the processor, then stops as by SIGTERM; False if somebody else stopped it.

    A thread watches the clock: a timer's signals would interrupt XLA's threads wherever they are.
    """
    spent, ended = threading.Event(), threading.Event()
    until = time.process_time() + cpu_seconds

    def watch() -> None:
        while not ended.wait(0.1):
            if time.process_time() >= until:
                spent.set()
                os.kill(os.getpid(), signal.SIGTERM)
                ended.wait(1.0)  # asks again where the loop had not begun

    before = signal.signal(signal.SIGTERM, lambda *_: None)  # the loop's own comes with its first step
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        outcome = train(config)
    finally:
        ended.set()
        watcher.join()
        signal.signal(signal.SIGTERM, before)
    if outcome.signal is None:
        raise InputError(f"{config.out} ended by itself, so that its time is not that of the others. Read its log.")
    return spent.is_set()
