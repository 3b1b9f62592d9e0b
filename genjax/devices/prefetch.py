"""Batches made ahead of the step that needs them, for images that are decoded when they are read.

What a batch is depends on its step alone, so that nothing depends on which thread makes it or when.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
THREADS = 4  # decoders of images leave the interpreter to others while they work
AHEAD = 6  # batches that are kept ready, and lie in memory


@contextmanager
def prefetched(
    make: Callable[[int], T], *, following: Callable[[int], int], last: int, ahead: int = AHEAD
) -> Iterator[Callable[[int], T]]:
    """Yields a function from a step to its batch, which sets the batches after it on their way.

    Args:
        make: the batch of a step.
        following: the step after a step.
        last: no batch is made from this step on.
        ahead: how many batches; 0 makes each when it is asked for.
    Raises:
        Whatever `make` raises, when that step is asked for.
    """
    if not ahead:
        yield make
        return
    coming: dict[int, Future[T]] = {}
    with ThreadPoolExecutor(THREADS, thread_name_prefix="batch") as pool:

        def batch(step: int) -> T:
            found = coming.pop(step, None)
            upcoming, wanted = following(step), []
            while upcoming < last and len(wanted) < ahead:
                wanted.append(upcoming)
                upcoming = following(upcoming)
            for stale in set(coming) - set(wanted):  # a run that went back
                coming.pop(stale).cancel()
            for one in wanted:
                if one not in coming:
                    coming[one] = pool.submit(make, one)
            return make(step) if found is None else found.result()

        try:
            yield batch
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
