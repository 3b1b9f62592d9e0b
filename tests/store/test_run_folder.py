"""The folder of a run, and files that are whole at every moment."""

import os
import shutil
from pathlib import Path

import pytest

from genjax.errors import InputError
from genjax.store import run_folder
from genjax.store.lock import NAME as LOCK
from genjax.store.run_folder import (
    GO_ON,
    REPLACE,
    RunFolder,
    begin,
    check_free,
    is_run,
    leftovers,
    prepare_resumed,
    read_config,
    write_bytes,
)


def test_begin_and_read(tmp_path):
    folder = RunFolder(tmp_path / "a" / "b c")
    begin(folder, {"kind": "train", "config": {"steps": 3}}, force=False)
    values = read_config(folder)
    assert (values["kind"], values["config"]) == ("train", {"steps": 3})
    assert is_run(folder)


def test_an_empty_folder_is_free(tmp_path):
    check_free(RunFolder(tmp_path), force=False)


def test_what_is_in_the_way_is_said_with_the_advice_of_the_verb(tmp_path):
    begin(RunFolder(tmp_path), {"kind": "train"}, force=False)
    for advice in (GO_ON, REPLACE):
        with pytest.raises(InputError) as refused:
            check_free(RunFolder(tmp_path), force=False, advice=advice)
        assert str(refused.value) == f"{tmp_path} exists already. {advice}"


def test_a_file_is_not_a_folder(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(InputError, match=r"is a file. Name a folder"):
        check_free(RunFolder(tmp_path / "run"), force=True)


def test_a_foreign_config_is_not_a_run(tmp_path):
    folder = RunFolder(tmp_path)
    folder.config.write_text('{"kind": "train"}')
    assert not is_run(folder)
    with pytest.raises(InputError, match="is not the config of a genjax run"):
        read_config(folder)


def test_a_run_of_another_form_is_refused(tmp_path):
    folder = RunFolder(tmp_path)
    folder.config.write_text(f'{{"{run_folder.MARK}": 99}}')
    with pytest.raises(InputError, match="has form 99, and this genjax reads form 2"):
        read_config(folder)


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.json"
    write_bytes(path, b"old")

    def full_disk(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        begin(RunFolder(tmp_path / "file" / "run"), {}, force=False)


class Killed(BaseException):
    """Stands in for kill -9: nothing catches it."""


def dying(monkeypatch, after):
    """From the file operation number `after` on, the process is dead."""
    calls = iter(range(10**6))
    for owner, name in ((shutil, "rmtree"), (Path, "unlink"), (Path, "mkdir"), (Path, "replace"), (os, "fsync")):
        monkeypatch.setattr(owner, name, until_dead(getattr(owner, name), calls, after))


def until_dead(function, calls, after):
    def operation(*arguments, **keywords):
        if next(calls) >= after:
            raise Killed
        return function(*arguments, **keywords)

    return operation


def test_a_beginning_killed_anywhere_can_be_repeated(tmp_path, monkeypatch):
    """Neither a folder that --force does not delete, nor a new run under an old config."""
    finished = False
    for after in range(20):
        folder = RunFolder(tmp_path / str(after))
        begin(folder, {"seed": 1}, force=False)
        (folder.checkpoints / "4").mkdir(parents=True)
        folder.metrics.write_text("{}")
        (folder.path / LOCK).touch()
        with monkeypatch.context() as patch:
            dying(patch, after)
            try:
                begin(folder, {"seed": 2}, force=True)
                finished = True
            except Killed:
                finished = False
        if read_config(folder)["seed"] == 2:
            assert not folder.checkpoints.exists()
        check_free(folder, force=True)
        begin(folder, {"seed": 3}, force=True)
        assert sorted(path.name for path in folder.path.iterdir()) == [LOCK, "config.json", "samples"]
    assert finished, "more operations than were tried"


def test_a_first_beginning_killed_anywhere_can_be_repeated_without_force(tmp_path, monkeypatch):
    for after in range(5):
        folder = RunFolder(tmp_path / str(after))
        with monkeypatch.context() as patch:
            dying(patch, after)
            with pytest.raises(Killed):
                begin(folder, {}, force=False)
        if not is_run(folder):
            begin(folder, {}, force=False)
        prepare_resumed(folder)
        assert folder.samples.is_dir()
        assert not leftovers(folder)


@pytest.fixture
def secret(tmp_path):
    """A file outside of the run that nothing may touch."""
    path = tmp_path / "secret"
    path.write_text("mine")
    yield path
    assert path.read_text() == "mine"


def test_nothing_is_written_through_a_link(tmp_path, secret):
    folder = RunFolder(tmp_path / "run")
    begin(folder, {}, force=False)
    (folder.path / f".config.json.{os.getpid()}.part").symlink_to(secret)
    begin(folder, {}, force=True)
    write_bytes(folder.config, folder.config.read_bytes())
    assert is_run(folder)


@pytest.mark.parametrize("part", ["metrics.jsonl", "samples", "checkpoints", "model", "model/latest", "checkpoints/3"])
def test_a_run_with_a_link_out_of_it_is_not_gone_on_with(part, tmp_path, secret):
    folder = RunFolder(tmp_path / "run")
    begin(folder, {}, force=False)
    link = folder.path / part
    link.parent.mkdir(exist_ok=True)
    if part == "samples":
        link.rmdir()
    link.symlink_to(secret.parent)
    with pytest.raises(InputError, match=rf"{part} is a link"):
        prepare_resumed(folder)


def test_what_was_not_finished_is_deleted_and_nothing_else(tmp_path):
    folder = RunFolder(tmp_path / "run")
    begin(folder, {}, force=False)
    (folder.checkpoints / "7.orbax-checkpoint-tmp").mkdir(parents=True)
    (folder.checkpoints / "7.orbax-checkpoint-tmp" / "state").write_text("half")
    (folder.checkpoints / "5").mkdir()
    folder.model().mkdir(parents=True)
    (folder.model() / ".vae.9.part").write_text("half")
    (folder.path / ".report.html.9.part").write_text("of a reader")
    assert len(leftovers(folder)) == 2
    prepare_resumed(folder)
    assert not leftovers(folder)
    assert (folder.checkpoints / "5").is_dir()
    assert (folder.path / ".report.html.9.part").exists()
