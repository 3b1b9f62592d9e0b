"""The event file that TensorBoard reads, read back by the format's own parser."""

import struct
import subprocess
import sys

from tensorboardX.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue] - made when imported

from genjax.store.tensorboard import Board

LIGHT = """
import sys
from pathlib import Path
from genjax.store.tensorboard import Board
(Path(sys.argv[1]) / "torch.py").write_text("raise SystemExit('imported')")
sys.path.insert(0, sys.argv[1])
Board(Path(sys.argv[1]), step=0).close()
print("torch" in sys.modules, flush=True)
import torch
"""


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


def test_pytorch_is_not_imported_and_can_be_afterwards(tmp_path):
    """It takes seconds and hundreds of megabytes where it is installed, as in most notebooks."""
    done = subprocess.run([sys.executable, "-c", LIGHT, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False\n", "imported\n")
