"""The files in which decoded sets are kept: bounded, described, cleared."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from genjax.data import cache
from genjax.data.cache import Row, allocate, clear, described, entry_path, finish, native, read_entry
from genjax.data.files import Stat
from genjax.data.images import Probe

SHAPE = (2, 16, 16, 3)
BYTES = 2 * 16 * 16 * 3


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "genjax" / "sets"


def keep(folder: Path, place: str) -> Path:
    """Keeps an entry of two images."""
    path = entry_path(place, 16, as_grey=False, max_pixels=99)
    assert path is not None
    pixels = allocate(folder, SHAPE)
    pixels[:] = 7
    finish(
        pixels,
        {"a": Row(0, Stat(5, 6), Probe(False)), "b": Row(1, Stat(7, 8, "x/b"), Probe(True))},
        path,
        place=place,
        began=0,
    )
    return path


def test_what_is_kept_is_found(folder: Path) -> None:
    entry = read_entry(keep(folder, "x\udc80"))  # a name that is no UTF-8
    assert entry is not None
    assert (entry.pixels.shape, int(entry.pixels.min())) == (SHAPE, 7)
    assert entry.rows["b"].stat == Stat(7, -1, "x/b"), "it was changed just then"
    assert native(entry, entry.rows["a"]) is None, "of another checksum"
    assert read_entry(folder / "none.pixels") is None


def test_another_place_size_or_version_is_another_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = {entry_path("a", 8, as_grey=False, max_pixels=99), entry_path("b", 8, as_grey=False, max_pixels=99)}
    paths |= {entry_path("a", 16, as_grey=False, max_pixels=99), entry_path("a", 8, as_grey=True, max_pixels=99)}
    paths |= {entry_path("a", 8, as_grey=False, max_pixels=98)}
    monkeypatch.setattr("PIL.__version__", "1.2.3")
    assert len(paths | {entry_path("a", 8, as_grey=False, max_pixels=99)}) == 6


def test_the_least_recently_used_goes_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = keep(folder, "first"), keep(folder, "second")
    for age, path in enumerate((second, first)):  # the first was used last
        os.utime(path, (1000 + age, 1000 + age))
    monkeypatch.setattr(cache, "LIMIT", 2 * first.stat().st_size + BYTES - 1)
    third = keep(folder, "third")
    assert [path.exists() for path in (first, second, third)] == [True, False, True]


def test_to_read_is_to_use(folder: Path) -> None:
    path = keep(folder, "x")
    os.utime(path, (1000, 1000))
    read_entry(path)
    assert path.stat().st_mtime > 1000


def test_an_entry_that_cannot_be_read_now_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = keep(folder, "x")

    def refused(*arguments: object, **options: object) -> None:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(np, "memmap", refused)
        assert read_entry(path) is None
    assert read_entry(path) is not None
    path.write_bytes(b"torn")
    assert (read_entry(path), path.exists()) == (None, False)


def test_an_entry_that_is_replaced_while_it_is_read_is_read_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = keep(folder, "x"), keep(folder, "y")
    with other.open("r+b") as file:
        file.write(bytes(BYTES))
    manifest = cache._manifest
    monkeypatch.setattr(cache, "_manifest", lambda one: (manifest(one), other.exists() and other.replace(path))[0])
    entry = read_entry(path)
    later = read_entry(path)
    assert entry is not None
    assert later is not None
    assert (int(entry.pixels.min()), int(later.pixels.max())) == (7, 0)


def test_what_a_killed_process_left_is_deleted(folder: Path) -> None:
    keep(folder, "x")
    for name, age in (("old.part", cache.STALE + 1000), ("new.part", 0)):
        (folder / name).touch()
        changed = (folder / name).stat().st_mtime - age
        os.utime(folder / name, (changed, changed))
    keep(folder, "y")
    assert sorted(path.name for path in folder.glob("*.part")) == ["new.part"]


def test_no_more_than_half_of_a_disk_is_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=2 * BYTES - 1))
    with pytest.raises(OSError, match="No space left"):
        allocate(folder, SHAPE)
    assert [*folder.iterdir()] == []


def test_nothing_is_deleted_for_what_does_not_fit_anyway(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = keep(folder, "x")
    with monkeypatch.context() as patch:
        patch.setattr(cache, "LIMIT", path.stat().st_size)
        patch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=0))
        with pytest.raises(OSError, match="No space left"):
            allocate(folder, SHAPE)
    allocate(folder, SHAPE)
    monkeypatch.setattr(cache, "LIMIT", 2 * BYTES - 1)
    with pytest.raises(OSError, match="unfinished ones fill it"):
        allocate(folder, SHAPE)
    assert path.exists()


def test_unfinished_entries_take_room_as_others_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = keep(folder, "x")
    allocate(folder, SHAPE)
    monkeypatch.setattr(cache, "LIMIT", path.stat().st_size + 2 * BYTES - 1)
    allocate(folder, SHAPE)
    assert not path.exists()


def test_room_is_made_where_it_cannot_be_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    pixels = allocate(folder, SHAPE)
    assert Path(str(pixels.filename)).stat().st_blocks * 512 >= BYTES


def test_what_was_cleared_before_it_was_finished_is_not_kept(folder: Path) -> None:
    pixels = allocate(folder, SHAPE)
    clear()
    with pytest.raises(FileNotFoundError):
        finish(pixels, {"a": Row(0, Stat(5, 6), Probe(False))}, folder / "x.pixels", place="x", began=0)
    assert [*folder.iterdir()] == []


def test_what_is_kept_is_described_and_cleared(folder: Path) -> None:
    assert (described(), clear()) == ([], 0)
    path = keep(folder, "x")
    (folder / "torn.pixels").write_bytes(b"no entry")
    allocate(folder, SHAPE)
    (one,) = described()
    assert (one.place, one.shape, one.files, one.bytes) == ("x", SHAPE, 2, path.stat().st_size)
    assert clear() > BYTES
    assert [*folder.iterdir()] == []


def test_without_a_home_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "cache_folder", lambda: None)
    assert entry_path("x", 16, as_grey=False, max_pixels=99) is None
    assert (described(), clear()) == ([], 0)
