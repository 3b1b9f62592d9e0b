"""A set is read once: what was decoded is kept, and never stale."""

import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from genjax.data import cache, dataset, files, reading
from genjax.data.dataset import LazyImages
from genjax.data.files import Files, Stat
from genjax.data.images import decode
from genjax.data.reading import read_files
from genjax.errors import InputError

LONG_AGO = 10**18  # nanoseconds


class Folder:
    """A folder of images, which counts how often each is opened."""

    def __init__(self, root: Path) -> None:
        self.root, self.opened, self.lock = root, [], threading.Lock()
        root.mkdir()

    def save(self, name: str, seed: int, *, mode: str = "RGB", changed: int = LONG_AGO) -> None:
        pixels = np.random.default_rng(seed).integers(0, 256, (12, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(self.root / name, "PNG")
        os.utime(self.root / name, ns=(changed, changed))

    def open(self, name: str):
        with self.lock:
            self.opened.append(name)
        return open(self.root / name, "rb")

    def files(self) -> Files:
        paths = sorted(self.root.iterdir())
        stats = {path.name: Stat(path.stat().st_size, path.stat().st_mtime_ns) for path in paths}
        return Files("set", str(self.root), stats, 0, self.open)

    def read(self, channels: int = 3, size: int = 8) -> np.ndarray | LazyImages:
        """Images of all files, as a new process would read them."""
        self.opened.clear()
        contents = read_files(self.files(), size, channels if channels < 3 else 0)
        names = [name for name, probe in contents.probes.items() if not probe.problem]
        return contents.images(names, channels or (1 if all(contents.probes[name].grey for name in names) else 3))

    def decoded(self, channels: int = 3, size: int = 8) -> np.ndarray:
        """The same without a cache: each file by itself."""
        return np.stack([decode(path, size, channels) for path in sorted(self.root.iterdir()) if path.suffix != ".txt"])


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the cache, in which every set is worth an entry."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(reading, "KEPT_FILES", 1)
    return tmp_path / "cache" / "genjax" / "sets"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder of six images that all differ, of which one is grey."""
    made = Folder(tmp_path / "set")
    for i in range(6):
        made.save(f"{i}.png", i, mode="L" if i == 3 else "RGB")
    return made


@pytest.mark.parametrize("channels", [1, 3])
def test_each_file_is_opened_once_and_never_again(folder: Folder, channels: int) -> None:
    np.testing.assert_array_equal(folder.read(channels), folder.decoded(channels))
    assert sorted(folder.opened) == [f"{i}.png" for i in range(6)]
    np.testing.assert_array_equal(folder.read(channels), folder.decoded(channels))
    assert folder.opened == []


def test_what_was_changed_added_or_removed_is_seen_and_nothing_else_is_read(folder: Folder) -> None:
    folder.read()
    folder.save("1.png", 71, changed=LONG_AGO + 1)
    folder.save("4a.png", 72, mode="L")
    (folder.root / "5.png").unlink()
    np.testing.assert_array_equal(folder.read(), folder.decoded())
    assert sorted(folder.opened) == ["1.png", "4a.png"]
    folder.read()
    assert folder.opened == []


def test_the_order_of_the_files_is_no_part_of_what_is_kept(folder: Folder) -> None:
    folder.read()
    (folder.root / "0.png").rename(folder.root / "9.png")
    np.testing.assert_array_equal(folder.read(), folder.decoded())


def test_the_same_size_and_time_of_another_file_is_the_one_thing_not_seen(folder: Folder) -> None:
    before = folder.read()
    old = (folder.root / "0.png").read_bytes()
    (folder.root / "0.png").write_bytes(old[:-1] + b"\0")  # of the same length
    os.utime(folder.root / "0.png", ns=(LONG_AGO, LONG_AGO))
    np.testing.assert_array_equal(folder.read(), before)
    cache.clear()
    folder.read()
    assert len(folder.opened) == 6


def test_a_file_changed_just_then_is_read_again(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be changed again within the clock's grain, and look the same."""
    monkeypatch.setattr("time.time_ns", lambda: LONG_AGO + 10**9 + 10**12)
    folder.save("0.png", 50, changed=LONG_AGO + 10**12)
    folder.read()
    folder.save("0.png", 51, changed=LONG_AGO + 10**12)
    np.testing.assert_array_equal(folder.read(), folder.decoded())
    assert folder.opened == ["0.png"]
    monkeypatch.setattr("time.time_ns", lambda: LONG_AGO + 10**13)
    folder.read()
    folder.read()
    assert folder.opened == []


@pytest.mark.parametrize("channels", [0, 1, 3])
def test_a_grey_set_is_kept_once_for_all_channels(tmp_path: Path, channels: int, kept: Path) -> None:
    grey = Folder(tmp_path / "grey")
    for i in range(4):
        grey.save(f"{i}", i, mode="L")
    (tmp_path / "grey" / "z.txt").write_text("to do")
    os.utime(tmp_path / "grey" / "z.txt", ns=(LONG_AGO, LONG_AGO))
    assert grey.read(0).shape == (4, 8, 8, 1)
    np.testing.assert_array_equal(grey.read(channels), grey.decoded(channels or 1))
    assert (grey.opened, len([*kept.iterdir()])) == ([], 1)


def test_sizes_and_grey_versions_are_kept_apart(folder: Folder) -> None:
    for _ in range(2):
        for channels in (1, 3):
            for size in (8, 16):
                np.testing.assert_array_equal(folder.read(channels, size), folder.decoded(channels, size))
    assert folder.opened == []


@pytest.mark.parametrize("damage", ["first pixel", "said of rows", "cut", "empty", "other"])
def test_a_damaged_entry_is_made_anew_in_silence(folder: Folder, damage: str, kept: Path) -> None:
    folder.read()
    (path,) = kept.iterdir()
    content = bytearray(path.read_bytes())
    content[0] ^= damage == "first pixel"
    content[-40] ^= damage == "said of rows"
    path.write_bytes({"cut": content[:-10], "empty": b"", "other": b"{}" * 500}.get(damage, content))
    np.testing.assert_array_equal(folder.read(), folder.decoded())
    folder.read()
    folder.read()
    assert folder.opened == []
    np.testing.assert_array_equal(folder.read(), folder.decoded())


def test_what_cannot_be_decoded_is_known_the_next_time(folder: Folder) -> None:
    (folder.root / "2.png").write_bytes((folder.root / "2.png").read_bytes()[:-30])
    (folder.root / "a.txt").write_text("to do")
    for name in ("2.png", "a.txt"):
        os.utime(folder.root / name, ns=(LONG_AGO, LONG_AGO))
    for opened in (7, 0):
        folder.opened.clear()
        contents = read_files(folder.files(), 8, 0)
        assert contents.problems() == {"2.png": "cut off or damaged", "a.txt": "unknown format"}
        assert len(folder.opened) == opened


def test_a_file_that_could_not_be_opened_is_tried_again(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, kept: Path
) -> None:
    usual = folder.open

    def refused(name: str):
        if name == "2.png":
            raise PermissionError(13, "Permission denied")
        return usual(name)

    monkeypatch.setattr(folder, "open", refused)
    assert len(folder.read()) == 5
    (entry,) = kept.iterdir()
    before = entry.stat().st_ino
    assert len(folder.read()) == 5
    assert (folder.opened, entry.stat().st_ino) == ([], before), "nothing new is worth a new entry"
    monkeypatch.setattr(folder, "open", usual)
    np.testing.assert_array_equal(folder.read(), folder.decoded())


def test_small_sets_are_not_kept(folder: Folder, monkeypatch: pytest.MonkeyPatch, kept: Path) -> None:
    monkeypatch.setattr(reading, "KEPT_FILES", 7)
    np.testing.assert_array_equal(folder.read(), folder.decoded())
    assert not kept.exists()


def test_a_folder_that_cannot_be_written_is_one_warning(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match=r"cannot be kept in .*file/genjax/sets \(Not a directory\)") as said:
        both = [folder.read(), folder.read()]
    np.testing.assert_array_equal(both, [folder.decoded()] * 2)
    assert len(said) == 1


@pytest.mark.parametrize("step", ["posix_fallocate", "replace"])
def test_a_full_disk_is_one_warning(folder: Folder, step: str, monkeypatch: pytest.MonkeyPatch, kept: Path) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.warns(UserWarning, match=r"\(No space left on device\).* Make room") as said:
        both = [folder.read(), folder.read()]
    np.testing.assert_array_equal(both, [folder.decoded()] * 2)
    assert len(said) == 1
    assert [*kept.iterdir()] == []


def test_a_cache_that_is_cleared_meanwhile_is_one_warning(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, kept: Path
) -> None:
    usual = cache.finish

    def cleared(*arguments: Any, **options: Any) -> cache.Entry:
        cache.clear()
        return usual(*arguments, **options)

    monkeypatch.setattr(cache, "finish", cleared)
    with pytest.warns(UserWarning, match=r"cannot be kept in .*/genjax/sets \(No such file or directory\)"):
        np.testing.assert_array_equal(folder.read(), folder.decoded())
    assert [*kept.iterdir()] == []


def test_a_reading_that_is_interrupted_leaves_nothing(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, kept: Path
) -> None:
    usual = folder.open

    def stopped(name: str):
        if name == "5.png":
            raise KeyboardInterrupt
        return usual(name)

    rooms, allocate = [], cache.allocate
    monkeypatch.setattr(cache, "allocate", lambda *where: rooms.append(allocate(*where)) or rooms[-1])
    monkeypatch.setattr(folder, "open", stopped)
    monkeypatch.setattr(files, "TASK", 1)
    with pytest.raises(KeyboardInterrupt):
        folder.read()
    assert len(rooms) == 1, "others were decoded before"
    assert [*kept.iterdir()] == []


def test_a_set_too_large_for_memory_is_read_from_the_cache(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, kept: Path
) -> None:
    monkeypatch.setattr(dataset, "IN_MEMORY", 100)
    images = folder.read()
    assert isinstance(images, LazyImages)
    folder.opened.clear()
    np.testing.assert_array_equal(images[:], folder.decoded())
    assert folder.opened == []
    (path,) = kept.iterdir()
    with path.open("r+b") as file:
        file.write(b"\xff\x00\xff")
    images = folder.read()
    np.testing.assert_array_equal(images[np.array([4, 0])], folder.decoded()[[4, 0]])
    assert (folder.opened, path.exists()) == (["0.png"], False)


def test_a_set_too_large_for_memory_on_a_full_disk_is_decoded_when_used(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "IN_MEMORY", 100)
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=0))
    with pytest.warns(UserWarning, match="No space left on device"):
        images = folder.read()
    assert isinstance(images, LazyImages)
    np.testing.assert_array_equal(images[:], folder.decoded())


def test_a_set_too_large_for_the_cache_is_decoded_when_used(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, kept: Path
) -> None:
    monkeypatch.setattr(dataset, "IN_MEMORY", 100)
    monkeypatch.setattr(cache, "LIMIT", 100)
    images = folder.read()
    np.testing.assert_array_equal(images[np.array([4, 0])], folder.decoded()[[4, 0]])
    assert not kept.exists()
    (folder.root / "4.png").write_bytes(b"gone")
    with pytest.raises(InputError, match=r"1 file that is no image: 4\.png \(unknown format\)"):
        images[np.array([4])]


def test_what_pillow_remarks_on_an_image_that_is_decoded_when_used_is_no_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "IN_MEMORY", 100)
    monkeypatch.setattr(cache, "LIMIT", 100)
    odd = Folder(tmp_path / "odd")
    image = Image.new("RGB", (20, 12), (200, 20, 20))
    image.save(odd.root / "a.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0")  # five entries, of which none is there
    images = odd.read()
    assert isinstance(images, LazyImages)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = [*warnings.filters]
        with ThreadPoolExecutor(4) as pool:
            rows = [*pool.map(lambda _: images[np.array([0])], range(50))]
        assert warnings.filters == before
    np.testing.assert_array_equal(np.concatenate(rows), np.repeat(odd.decoded(), 50, axis=0))
    with pytest.warns(UserWarning, match="Corrupt EXIF"), Image.open(odd.root / "a.jpg") as opened:
        opened.getexif()
