"""The image files of a set, on disk or in archives, and a look at many: in threads, with a bar, within some memory.

Threads and not processes: Pillow gives the interpreter's lock away while it decodes, converts and resizes.
"""

import os
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple, Self

from genjax.data.images import NO_FILE, Picture, Probe, problem_of, read, silenced
from genjax.data.large_images import MAX_PIXELS
from genjax.errors import InputError
from genjax.terminal import progress

AT_ONCE = 1 << 26  # pixels that are decoded at a time, in all threads: up to 800 MB
TASK = 16  # files that a thread reads before it is given others
AHEAD = 1 << 26  # bytes of images that may wait for one before them, which may be a thousand times as large
FIRST = 4  # tasks of each core that show whether threads wait for the drive
WAITS = 4  # threads beside one for each core, where they do: where not, more only take its caches from one another
MOST_THREADS = 32
SHOWN = 10  # most files that a message names


class Stat(NamedTuple):
    """The size and time of change of a file, which tell it from what it was before.

    Attributes:
        size: bytes of the file on disk: of the archive, for a file in one.
        changed: time of the last change of the file on disk, in nanoseconds.
        member: path of the file in its archive; "" for a file on disk.
    """

    size: int
    changed: int
    member: str = ""


@dataclass(frozen=True)
class Files:
    """The files of a set, as a folder or an archive names them.

    Attributes:
        name: name of the set, for messages.
        place: what tells the set from others: the resolved path of its folder or archive.
        stats: {name of a file: its size and time of change}; None for what is no file.
        total: bytes of them on disk.
        open: opens the file of that name, in any thread. It raises OSError, or InputError with only the reason.
        max_pixels: pixels of the largest image that is decoded.
    """

    name: str
    place: str
    stats: Mapping[str, Stat | None]
    total: int
    open: Callable[[str], IO[bytes]]
    max_pixels: int = MAX_PIXELS


def stat_of(path: Path) -> Stat | None:
    """Returns size and time of change of a file on disk; None for what is no file."""
    try:
        found = path.stat()
    except OSError:  # a broken link
        return None
    return Stat(found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


def open_file(path: Path) -> IO[bytes]:
    """Opens a file on disk.

    Raises:
        OSError: it cannot be opened.
        InputError: it is no file, but a broken link, or a pipe, whose reading would block.
    """
    if not path.is_file():
        raise InputError(NO_FILE)
    return path.open("rb")


class Gate:
    """Lets threads hold so many pixels of decoded images at a time, in the order in which they came.

    A larger image is let in alone. Without the order small ones would be let in past it for ever.
    """

    def __init__(self, most: int) -> None:
        """Takes the number of pixels."""
        self.most = self.free = most
        self.changed = threading.Condition()
        self.line: deque[object] = deque()

    @contextmanager
    def held(self, pixels: int) -> Iterator[None]:
        """Waits until there is room for so many pixels, and holds it."""
        pixels, me = min(pixels, self.most), object()
        with self.changed:
            self.line.append(me)
            self.changed.wait_for(lambda: self.line[0] is me and self.free >= pixels)
            self.line.popleft()
            self.free -= pixels
            self.changed.notify_all()
        try:
            yield
        finally:
            with self.changed:
                self.free += pixels
                self.changed.notify_all()


def look_at(
    files: Files, names: Sequence[str], size: int, channels: int, take: Callable[[str, Picture], object]
) -> None:
    """Reads many files, on all cores, with a bar if it takes long and there is a terminal.

    Args:
        files: set that they are of.
        names: files to read.
        size: height and width of the images; 0 reads heads only.
        channels: 1 or 3; 0 is 1 for a grey file and 3 for others.
        take: called with the name and the picture of each file, in their order, in this thread.
    """
    if not names:
        return
    gate, tasks = Gate(AT_ONCE), [names[start : start + TASK] for start in range(0, len(names), TASK)]
    threads = min(cores(), MOST_THREADS)
    opening: list[float] = []  # seconds that threads waited until a file was open
    looking: list[float] = []  # seconds of tasks

    def look(some: Sequence[str]) -> list[Picture]:
        began = time.perf_counter()
        found = [_look(files, name, size, channels, gate, opening) for name in some]
        looking.append(time.perf_counter() - began)
        return found

    with (
        silenced(),
        progress("reading images", done=0, total=len(names), show=sys.stderr.isatty(), delay=1.0) as bar,
        Workers(
            look, tasks, most=threads + WAITS, ahead=max(2 * threads, AHEAD // (TASK * max(1, 3 * size**2)))
        ) as work,
    ):
        work.begin(threads)
        for number, some in enumerate(tasks):
            for name, picture in zip(some, work.result(number), strict=True):
                take(name, picture)
            bar.update(len(some))
            if number == FIRST * threads and sum(opening) > sum(looking) / 2:
                work.begin(WAITS)


class Workers:
    """Threads that work on tasks in their order, and no farther than `ahead` beyond the last whose result was taken."""

    def __init__(
        self,
        work: Callable[[Sequence[str]], list[Picture]],
        tasks: Sequence[Sequence[str]],
        *,
        most: int,
        ahead: int,
    ) -> None:
        """Takes what to do with a task, and the number of threads at most."""
        self.work, self.tasks, self.ahead = work, tasks, ahead
        self.results: dict[int, Future[list[Picture]]] = {number: Future() for number in range(len(tasks))}
        self.begun = self.taken = 0
        self.ended = False
        self.changed = threading.Condition()
        self.pool = ThreadPoolExecutor(most)

    def __enter__(self) -> Self:
        """Returns itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Lets no other task begin, and waits for those that did."""
        with self.changed:
            self.ended = True
            self.changed.notify_all()
        self.pool.shutdown()

    def begin(self, threads: int) -> None:
        """Begins so many threads."""
        for _ in range(threads):
            self.pool.submit(self._run)

    def result(self, number: int) -> list[Picture]:
        """Waits for the result of a task, the next one in their order, and takes it; raises what it has raised."""
        found = self.results[number].result()
        del self.results[number]
        with self.changed:
            self.taken += 1
            self.changed.notify_all()
        return found

    def _run(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.ended or self.begun < min(self.taken + self.ahead, len(self.tasks)))
                if self.ended:
                    return
                number, self.begun = self.begun, self.begun + 1
            try:
                self.results[number].set_result(self.work(self.tasks[number]))
            except BaseException as error:
                self.results[number].set_exception(error)


def _look(files: Files, name: str, size: int, channels: int, gate: Gate, opening: list[float]) -> Picture:
    if files.stats[name] is None:
        return Picture(Probe(False, NO_FILE))
    try:
        began, worked = time.perf_counter(), time.thread_time()
        with files.open(name) as file:
            file.read(1)
            opening.append(time.perf_counter() - began - (time.thread_time() - worked))
            return read(file, size, channels, gate.held, max_pixels=files.max_pixels)
    except InputError as error:
        return Picture(Probe(False, str(error)))
    except OSError as error:
        return Picture(Probe(False, problem_of(error)))


def cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def broken(files: Files, names: Sequence[str]) -> dict[str, str]:
    """Decodes these files, and returns {name: reason} of those of which it cannot be done."""
    found: dict[str, str] = {}
    look_at(files, names, 8, 1, lambda name, picture: found.update({name: picture.probe.problem}))
    return {name: reason for name, reason in found.items() if reason}


def unusable(name: str, problems: Mapping[str, str]) -> InputError:
    """Makes the error of a set with files that cannot be used, of {file: reason}."""
    return InputError(f"{name} has {_listed(problems)}. Repair or remove them, or leave them out with --skip-broken.")


def _listed(problems: Mapping[str, str]) -> str:
    """Formats as ``2 files that are no images: a.png (cut off or damaged), b.txt (unknown format)``."""
    shown = [f"{path} ({reason})" for path, reason in sorted(problems.items())[:SHOWN]]
    more = f" and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    noun = "1 file that is no image" if len(problems) == 1 else f"{len(problems)} files that are no images"
    return f"{noun}: {', '.join(shown)}{more}"
