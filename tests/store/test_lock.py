"""One writer a run: the second is refused, and a dead owner is none."""

import os
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from genjax.cli.main import main
from genjax.errors import InputError
from genjax.store.lock import NAME, check_unlocked, locked, owner

HOLD = """
import sys, time
from pathlib import Path
from genjax.store.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_second_is_refused_and_told_who_is_there(tmp_path):
    (tmp_path / "config.json").touch()
    with locked(tmp_path):
        assert owner(tmp_path).startswith(f"process {os.getpid()} on ")
        with pytest.raises(InputError, match=rf"is in use: process {os.getpid()} on .* trains there"), locked(tmp_path):
            pass
        with pytest.raises(InputError, match="is in use"):
            check_unlocked(tmp_path)
    assert owner(tmp_path) == ""
    with locked(tmp_path):
        pass


def test_those_who_only_ask_stand_in_nobodys_way(tmp_path):
    (tmp_path / "config.json").touch()
    asked = threading.Event()

    def ask():
        while not asked.is_set():
            owner(tmp_path)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2_000):
            with locked(tmp_path):
                pass
    finally:
        asked.set()
        for thread in threads:
            thread.join()


def test_a_killed_owner_holds_nothing(tmp_path):
    (tmp_path / "config.json").touch()
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
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"), locked(tmp_path / "file" / "run"):
        pass


def test_a_folder_for_a_run_that_did_not_begin_is_not_left(tmp_path):
    with locked(tmp_path / "run"):
        assert (tmp_path / "run").is_dir()
    assert not (tmp_path / "run").exists()


def test_a_lock_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "secret").write_text("mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / NAME).symlink_to(tmp_path / "secret")
    with pytest.raises(InputError, match="cannot be written"), locked(tmp_path / "run"):
        pass
    assert (tmp_path / "secret").read_text() == "mine"


def test_one_trains_and_the_others_read(kept_runs, tmp_path, capsys):
    out = shutil.copytree(kept_runs / "vae", tmp_path / "run")
    capsys.readouterr()
    with locked(out):
        for options in (["--resume"], ["--force"]):
            assert main(["train", *options, "--out", str(out)]) == 2
            (line,) = capsys.readouterr().err.splitlines()
            assert line.startswith(f"error: {out} is in use: process {os.getpid()} on ")
        assert main(["sample", "--run", str(out), "--num", "2", "--out", str(tmp_path / "a.png")]) == 0
        assert main(["evaluate", "--run", str(out), "--metrics", "kd", "--num", "20"]) == 0
        assert main(["doctor", str(out)]) == 0
    assert (out / "config.json").exists()
