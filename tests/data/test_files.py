"""A look at many files: in order, in threads, within some memory, with a bar on a terminal only."""

import dataclasses
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import IO, Any

import numpy as np
import pytest
from PIL import Image

from genjax.data import files as files_module
from genjax.data.files import Files, Gate, Stat, broken, look_at, unusable
from genjax.data.images import decode


def png(level: int) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (20, 12), level).save(stream, "PNG")
    return stream.getvalue()


def held(contents: dict[str, bytes | None]) -> Files:
    """A set of files in memory."""
    stats = {name: None if content is None else Stat(len(content), 1) for name, content in contents.items()}
    return Files("set", "place", stats, 0, lambda name: io.BytesIO(contents[name] or b""))


def test_pictures_come_in_order_with_what_is_wrong() -> None:
    contents: dict[str, bytes | None] = {f"{i:03}": png(i) for i in range(100)}
    contents |= {"cut": png(9)[:-30], "gone": None, "text": b"to do"}
    found = {}
    look_at(held(contents), [*contents], 8, 0, lambda name, picture: found.update({name: picture}))
    assert [*found] == [*contents]
    for i in range(100):
        np.testing.assert_array_equal(found[f"{i:03}"].pixels, decode(io.BytesIO(png(i)), 8, 1))
    problems = {name: picture.probe.problem for name, picture in found.items() if picture.pixels is None}
    assert problems == {"cut": "cut off or damaged", "gone": "no file", "text": "unknown format"}
    assert broken(held(contents), [*contents]) == problems
    assert "3 files that are no images: cut (cut off or damaged), gone (no file), text" in str(unusable("x", problems))


def test_only_heads_are_read_of_size_0() -> None:
    found = []
    look_at(held({"cut": png(9)[:-30]}), ["cut"], 0, 0, lambda name, picture: found.append(picture))
    assert found == [((True, ""), None)]


def test_a_drive_that_fails_is_no_damaged_file() -> None:
    def failing(name: str) -> io.BytesIO:
        raise OSError(5, "Input/output error")

    files = Files("set", "place", {"a": Stat(1, 1)}, 1, failing)
    assert broken(files, ["a"]) == {"a": "cannot be read: Input/output error"}


def test_what_goes_wrong_in_between_ends_the_look() -> None:
    contents: dict[str, bytes | None] = {f"{i}": png(i) for i in range(200)}
    taken = []

    def take(name: str, picture: object) -> None:
        taken.append(name)
        if name == "3":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        look_at(held(contents), [*contents], 8, 1, take)
    assert taken == ["0", "1", "2", "3"]


def test_a_file_that_takes_long_does_not_keep_the_others_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    contents: dict[str, bytes | None] = {f"{i:03}": png(i % 250) for i in range(640)}
    files, others, taken = held(contents), threading.Semaphore(0), []

    def opened(name: str) -> IO[bytes]:
        if name == "000":
            for _ in range(600):  # all but those of its own task
                assert others.acquire(timeout=60)
        else:
            others.release()
        return files.open(name)

    monkeypatch.setattr(files_module, "cores", lambda: 2)
    slow = dataclasses.replace(files, open=opened)
    look_at(slow, [*contents], 8, 1, lambda name, picture: taken.append(name))
    assert taken == [*contents]


@pytest.mark.parametrize(("seconds", "expected"), [(0.5, [1]), (3.0, [1, files_module.WAITS])])
def test_more_threads_than_cores_are_for_a_drive_that_is_waited_for(
    seconds: float, expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock stands still but for opening a file, and for decoding it, which takes a second."""
    contents: dict[str, bytes | None] = {f"{i:03}": png(i) for i in range(16 * (files_module.FIRST + 2))}
    files, clock, begun, taken = held(contents), [0.0], [], []
    usual, read, lock = files_module.Workers.begin, files_module.read, threading.Lock()

    def passes(time: float) -> None:
        with lock:
            clock[0] += time

    def opened(name: str) -> IO[bytes]:
        passes(seconds)
        return files.open(name)

    def decoded(*args: Any, **how: Any) -> Any:
        passes(1.0)
        return read(*args, **how)

    def begin(workers: files_module.Workers, threads: int) -> None:
        begun.append(threads)
        if len(begun) == 1:
            usual(workers, threads)

    monkeypatch.setattr(files_module, "time", SimpleNamespace(perf_counter=lambda: clock[0], thread_time=lambda: 0.0))
    monkeypatch.setattr(files_module, "cores", lambda: 1)
    monkeypatch.setattr(files_module, "read", decoded)
    monkeypatch.setattr(files_module.Workers, "begin", begin)
    look_at(dataclasses.replace(files, open=opened), [*contents], 8, 1, lambda name, picture: taken.append(name))
    assert begun == expected
    assert taken == [*contents]


def test_a_large_image_is_let_in_before_small_ones_that_came_later() -> None:
    gate, came = Gate(10), []
    line = threading.Semaphore(0)

    def hold(name: str, pixels: int) -> None:
        line.release()
        with gate.held(pixels):
            came.append(name)

    with ThreadPoolExecutor(4) as pool, gate.held(6):
        pool.submit(hold, "large", 8)
        assert line.acquire(timeout=60)
        while len(gate.line) < 1:  # it has said so, and comes to the gate next
            pass
        for number in range(3):
            pool.submit(hold, f"small {number}", 1)
            assert line.acquire(timeout=60)
            while len(gate.line) < 2 + number:
                pass
    assert came[0] == "large"
    assert len(came) == 4


def test_no_more_pixels_are_decoded_at_a_time_than_fit() -> None:
    gate, lock = Gate(10), threading.Lock()
    now, most = 0, 0

    def work(pixels: int) -> None:
        nonlocal now, most
        with gate.held(pixels):
            with lock:
                now += min(pixels, 10)
                most = max(most, now)
            sum(range(1000))
            with lock:
                now -= min(pixels, 10)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [4, 3, 1000, 7] * 50))  # 1000 is let in alone
    assert (now, gate.free) == (0, 10)
    assert most <= 10


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_is_for_a_terminal(
    terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    usual = files_module.progress
    monkeypatch.setattr(files_module, "progress", lambda *args, **how: usual(*args, **how | {"delay": 0}))
    contents: dict[str, bytes | None] = {f"{i}": png(i) for i in range(40)}
    look_at(held(contents), [*contents], 8, 1, lambda name, picture: None)
    shown = capsys.readouterr().err
    assert ("reading images" in shown and "40.0/40.0" in shown and "images/s" in shown) if terminal else shown == ""


def test_what_is_done_at_once_shows_no_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    look_at(held({"a": png(3)}), ["a"], 8, 1, lambda name, picture: None)
    assert capsys.readouterr().err == ""
