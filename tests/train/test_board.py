"""The event file that TensorBoard reads, read back by the format's own parser."""

import struct

from genjax.train.board import Board, Event


def events(folder):
    """Of each file, in the order in which they were begun, its events."""
    files = sorted(folder.glob("events*"), key=lambda path: path.stat().st_mtime_ns)
    return [list(parsed(path.read_bytes())) for path in files]


def parsed(content):
    """The records of a file: a length, its checksum, the event, its checksum."""
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        yield Event.FromString(content[12 : 12 + length])
        content = content[16 + length :]


def voids(found):
    """From which step on an event says that older files are void."""
    return [event.step for event in found if event.session_log.status == event.session_log.START]


def test_numbers_come_back(tmp_path):
    board = Board(tmp_path, step=0)
    board.scalars(3, {"loss/kl": 0.5, "loss/total": -2.0})
    board.close()
    (found,) = events(tmp_path)
    values = {value.tag: (event.step, value.simple_value) for event in found for value in event.summary.value}
    assert values == {"loss/kl": (3, 0.5), "loss/total": (3, -2.0)}
    assert voids(found) == []


def test_what_older_files_say_of_later_steps_is_void(tmp_path):
    """Also where a run goes on at step 0, as no checkpoint had been finished."""
    for step in (0, 4, 0):
        board = Board(tmp_path, step=step)
        board.scalars(step + 2, {"loss/kl": 1.0})
        board.close()
    assert sorted(voids(found)[0] for found in events(tmp_path) if voids(found)) == [1, 5]
