"""What folders and archives have alike: each file is read once, and what is wrong is said before."""

import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genjax.data import files as files_module
from genjax.data import load, reading
from genjax.data.dataset import Dataset
from genjax.data.sources import image_files
from genjax.errors import InputError
from tests.data.sources.test_archive import KINDS, packed, unpacked


def png(level: int, width: int = 20) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (width, 12), level).save(stream, "PNG")
    return stream.getvalue()


PETS = {f"{'dog' if i % 2 else 'cat'}/{i}.png": png(20 * i + 20) for i in range(10)}
LINES = b"".join(b'{"file": "%b", "caption": "a pet"}\n' % name.encode() for name in PETS)


@pytest.fixture
def looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read, of sets that are all worth keeping."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(reading, "KEPT_FILES", 1)
    names, look = [], files_module._look
    monkeypatch.setattr(files_module, "_look", lambda files, name, *how: names.append(name) or look(files, name, *how))
    return names


def aged(path: Path, seconds: int = 1000) -> None:
    """Sets the time of the last change, as long ago as to be sure."""
    for file in [path] if path.is_file() else path.rglob("*"):
        os.utime(file, (seconds, seconds))


def middles(dataset: Dataset) -> list[int]:
    return np.asarray(dataset.images[:])[:, 4, 4, 0].tolist()


@pytest.mark.parametrize("kind", [*KINDS, "folder"])
def test_a_set_is_read_once_and_again_where_it_was_changed(tmp_path: Path, kind: str, looked: list[str]) -> None:
    path = tmp_path / f"a{kind}"

    def save(files: Mapping[str, bytes], seconds: int) -> str:
        spec = unpacked(path, files) if kind == "folder" else packed(path, files)
        aged(path, seconds)
        return spec

    spec = save(PETS, 1000)
    found = load(spec, split="all", size=8)
    assert (sorted(looked), middles(found)) == (sorted(PETS), [20 * i + 20 for i in (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)])
    assert load(spec, split="all", size=8).content_hash() == found.content_hash()
    assert len(load(spec, size=8, channels=3)) + len(load(spec, split="test", num=1, size=8)) == 9
    assert len(looked) == 10
    save(PETS | {"cat/0.png": png(77)}, 2000)
    assert middles(load(spec, split="all", size=8))[0] == 77
    assert len(looked) == 20


def test_what_a_name_meant_before_is_not_taken_for_what_it_means(tmp_path: Path, looked: list[str]) -> None:
    """The second archive decides whether the folder around everything counts."""
    spec = f"archive:{tmp_path / 's'}"
    packed(tmp_path / "s" / "0.tar", {"p/p/x/a.png": png(50), "p/x/a.png": png(150)})
    for second, expected in (({"p/x/b.png": png(9)}, {50, 150, 9}), ({"x/b.png": png(9)}, {50, 150, 9})):
        packed(tmp_path / "s" / "1.tar", second)
        aged(tmp_path / "s")
        found = load(spec, split="all", size=8)
        assert {*middles(found)} == expected
    assert len(looked) == 6


def test_of_several_archives_only_a_new_one_is_read(tmp_path: Path, looked: list[str]) -> None:
    for number in range(3):
        packed(tmp_path / "s" / f"{number}.zip", {f"{i}.png": png(30 * number + i) for i in range(4)})
        aged(tmp_path / "s")
        if number:
            load(f"archive:{tmp_path / 's'}", split="all", size=8)
    assert {*looked[8:]} == {f"2.zip:{i}.png" for i in range(4)}


def test_what_was_decoded_by_another_limit_is_left_out_or_read(tmp_path: Path, looked: list[str]) -> None:
    spec = packed(tmp_path / "a.zip", PETS | {"cat/large.png": png(99, 200)})
    aged(tmp_path / "a.zip")
    for _ in range(2):
        assert len(load(spec, split="all", size=8)) == 11
        few = load(spec, split="all", size=8, max_pixels=2000, quiet=True)
        assert (len(few), few.left_out) == (10, {"cat/large.png": "too large (200 x 12)"})
    assert len(looked) == 22


@pytest.mark.parametrize(
    ("beside", "message"),
    [
        ({"x.png": png(1)}, "next to them"),
        ({"captions.jsonl": LINES[:-50]}, "captions.jsonl line 9 is not of the form"),
        ({"captions.jsonl": LINES[: LINES.index(b"\n") + 1]}, "no caption for 9 of 10"),
        ({"dataset.json": b'{"labels": [["cat/0.png", 1]]}'}, "says no class for 9 of 10"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_decoded(
    tmp_path: Path, beside: dict[str, bytes], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genjax.data.images._upright", None)
    for spec in (packed(tmp_path / "a.zip", PETS | beside), unpacked(tmp_path / "a", PETS | beside)):
        with pytest.raises(InputError, match=message):
            load(spec)


def test_captions_are_read_once_unless_files_turn_out_to_be_no_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, usual = [], image_files.read_captions
    monkeypatch.setattr(image_files, "read_captions", lambda *how, **more: read.append(1) or usual(*how, **more))
    spec = packed(tmp_path / "a.tar", PETS | {"captions.jsonl": LINES, "README": b"# Pets"})
    assert load(spec).captions == ("a pet",) * 8
    assert len(read) == 1


def test_captions_that_cannot_be_read_in_an_archive_are_named(tmp_path: Path) -> None:
    packed(tmp_path / "a.zip", PETS | {"captions.jsonl": LINES})
    content = bytearray((tmp_path / "a.zip").read_bytes())
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        content[archive.getinfo("captions.jsonl").header_offset + 50] ^= 255
    (tmp_path / "a.zip").write_bytes(content)
    message = r"captions\.jsonl cannot be read \(cut off or damaged\)\. Repair or remove it\."
    with pytest.raises(InputError, match=message):
        load(f"archive:{tmp_path / 'a.zip'}")
