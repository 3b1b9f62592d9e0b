"""One writer a run: the second is refused, and a dead owner is none."""

import os
import signal
import subprocess
import sys

import pytest

from genjax.errors import InputError
from genjax.train.lock import NAME, check_unlocked, locked, owner

HOLD = """
import sys, time
from pathlib import Path
from genjax.train.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_second_is_refused_and_told_who_is_there(tmp_path):
    with locked(tmp_path):
        assert owner(tmp_path).startswith(f"process {os.getpid()} on ")
        with pytest.raises(InputError, match=rf"is in use: process {os.getpid()} on .* trains there"), locked(tmp_path):
            pass
        with pytest.raises(InputError, match="is in use"):
            check_unlocked(tmp_path)
    assert owner(tmp_path) == ""
    with locked(tmp_path):
        pass


def test_a_killed_owner_holds_nothing(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert owner(tmp_path).startswith(f"process {process.pid} ")
        process.send_signal(signal.SIGKILL)
    assert (tmp_path / NAME).exists()
    with locked(tmp_path):
        assert owner(tmp_path).startswith(f"process {os.getpid()} ")


def test_a_folder_that_is_not_there_has_no_owner(tmp_path):
    check_unlocked(tmp_path / "nowhere")
    with pytest.raises(InputError, match="cannot be written"), locked(tmp_path / "nowhere"):
        pass
