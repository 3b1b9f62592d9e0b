"""A disk that fails a run: one line, what is whole, and the run goes on once the disk does."""

import errno
import resource
import shutil
import signal
from dataclasses import replace

import pytest
from tiny import leaves_equal, train_config

from genjax.cli.main import main
from genjax.errors import StorageError
from genjax.store.disk_errors import cause
from genjax.training import stage
from genjax.training.loop import train


def failing(function, after, error):
    """The function, which raises from its call number `after` on."""
    calls = 0

    def call(*arguments, **keywords):
        nonlocal calls
        calls += 1
        if calls > after:
            raise error
        return function(*arguments, **keywords)

    return call


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EDQUOT, "quota"),
        (errno.EIO, "disk fails"),
    ],
)
def test_an_error_of_the_disk_is_said_and_the_run_goes_on(number, said, tmp_path, monkeypatch):
    config = train_config("vae", tmp_path / "run", steps=6, save_every=2, evaluate_every=0)
    with monkeypatch.context() as patch:
        patch.setattr(stage.checkpoint, "save", failing(stage.checkpoint.save, 1, OSError(number, "x")))
        with pytest.raises(StorageError, match=rf"{said}.*--resume: the checkpoint of step 2 is whole"):
            train(config)
    if number == errno.ENOSPC:
        straight = train(replace(config, out=tmp_path / "straight"))
        leaves_equal(train(config, resume=True).state, straight.state)


# Where no test before has left its compiled steps, they cannot be kept whole either, which JAX says too.
@pytest.mark.filterwarnings("ignore:Error (reading|writing) persistent compilation cache")
def test_a_file_that_may_not_grow(tmp_path, capsys):
    """The real thing: the system refuses to write, in whatever library that happens."""
    before, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    train(train_config("vae", tmp_path / "run", steps=2, save_every=2, evaluate_every=0))
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
        code = main(["train", "--resume", "--steps", "4", "--out", str(tmp_path / "run")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    line = capsys.readouterr().err.splitlines()[-1]
    assert (code, "larger than is allowed" in line, "the checkpoint of step 2 is whole" in line) == (1, True, True), (
        line
    )
    assert main(["train", "--resume", "--steps", "4", "--out", str(tmp_path / "run")]) == 0


def test_a_folder_that_vanishes(tmp_path, monkeypatch):
    config = train_config("vae", tmp_path / "run", steps=4, save_every=2, evaluate_every=0)

    def vanish(*arguments, **keywords):
        shutil.rmtree(config.out)

    monkeypatch.setattr(stage.checkpoint, "save", vanish)
    with pytest.raises(StorageError, match=r"the folder has vanished. Bring it back, and start again with --force"):
        train(config)


def test_only_errors_of_the_disk_are_taken_for_such():
    assert cause(ValueError("no space left on device [OS error 28: ENOSPC]")) == errno.ENOSPC
    assert cause(ValueError("shapes differ")) is None
    assert cause(OSError(errno.EPIPE, "x")) is None
