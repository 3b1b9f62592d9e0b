"""The folder of a run, and files that are whole at every moment."""

import pytest

from genjax.errors import InputError
from genjax.train import run_folder
from genjax.train.run_folder import RunFolder, begin, check_free, is_run, read_config, resumable, write_bytes


def test_begin_and_read(tmp_path):
    folder = RunFolder(tmp_path / "a" / "b c")
    begin(folder, {"kind": "train", "config": {"steps": 3}}, force=False)
    values = read_config(folder)
    assert (values["kind"], values["config"]) == ("train", {"steps": 3})
    assert is_run(folder)
    assert not resumable(folder)


def test_an_empty_folder_is_free(tmp_path):
    check_free(RunFolder(tmp_path), force=False)


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
    with pytest.raises(InputError, match="has form 99, this genjax"):
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
