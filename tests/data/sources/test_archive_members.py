"""The files in an archive: every form is read, and what they hide or pretend stays unread."""

import contextlib
import io
import lzma
import os
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np
import pytest
from packed import KINDS, LINES, PACKERS, PETS, packed, png, tar, zipped

from genjax.data import dataset as dataset_module
from genjax.data import load, reading
from genjax.data.sources import archive_limits, archive_members
from genjax.data.sources.archive_members import open_archive
from genjax.errors import InputError


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="nothing lists the open files")
@pytest.mark.parametrize("kind", KINDS)
def test_of_many_archives_none_stays_open(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_module, "IN_MEMORY", 1000)
    for number in range(20):
        packed(tmp_path / f"{number:02}{kind}", {"a.png": png(number)})
    before = len(os.listdir("/dev/fd"))
    found = load(f"archive:{tmp_path}", split="all")
    assert found.images[:][:, 8, 8, 0].tolist() == [*range(20)]
    assert len(os.listdir("/dev/fd")) == before


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_of_any_compression_is_read_behind_whatever_comes_first(tmp_path: Path, compression: int) -> None:
    contents = {"a": b"", "\u00fc/b": bytes(10_000), "c": png()}
    (tmp_path / "a.zip").write_bytes(b"#!/bin/sh\n")
    with zipfile.ZipFile(tmp_path / "a.zip", "a", compression) as made:
        for name, content in contents.items():
            with made.open(name, "w", force_zip64=name == "c") as member:  # which has an extra field
                member.write(content)
    members = open_archive("x", tmp_path / "a.zip")
    assert {name: members.read(name) for name in members.names} == contents


@pytest.mark.parametrize("content", [bytes(300), bytes(range(256)) * 4, b"ab" * 77])
def test_a_zip_of_lzma_without_a_mark_at_its_end_is_read(tmp_path: Path, content: bytes) -> None:
    """Its length is known, so that the format allows to leave the mark out."""
    filters = [{"id": lzma.FILTER_LZMA1}]
    alone = lzma.compress(content, lzma.FORMAT_ALONE, filters=filters)
    marked = lzma.compress(content, lzma.FORMAT_RAW, filters=filters)
    packed = struct.pack("<BBH", 9, 4, 5) + alone[:5] + _unmarked(marked, content, filters)
    name, header = b"a.bin", (0, zipfile.ZIP_LZMA, 0, 0, zlib.crc32(content), len(packed), len(content))
    local = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 63, *header, len(name), 0) + name + packed
    central = struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 63, 63, *header, len(name), 0, 0, 0, 0, 0, 0) + name
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, len(central), len(local), 0)
    (tmp_path / "a.zip").write_bytes(local + central + end)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.read("a.bin") == content
    assert open_archive("x", tmp_path / "a.zip").read("a.bin") == content


def _unmarked(marked: bytes, content: bytes, filters: list[dict[str, int]]) -> bytes:
    """The shortest start of a stream of which all content can be read."""
    for size in range(len(marked)):
        if lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters).decompress(marked[:size]) == content:
            return marked[:size]
    raise AssertionError("the whole stream gives the content")


def test_a_compressed_tar_that_does_not_fit_says_how_to_undo_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_limits, "MAX_IN_MEMORY", 5000)
    for name, command in (("a b.tar.gz", "gunzip"), ("a b.txz", "unxz"), ("a b.tbz2", "bunzip2")):
        kind = {"gunzip": ".tar.gz", "unxz": ".tar.xz", "bunzip2": ".tar.bz2"}[command]
        (tmp_path / name).write_bytes(PACKERS[kind](tar(PETS)))
        advice = rf"name the \.tar: {command} -c '.*/{name}' > '.*/a b\.tar'$"
        with pytest.raises(InputError, match=advice):
            load(f"archive:{tmp_path / name}")


def test_compressed_tars_of_a_set_share_one_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_limits, "MAX_IN_MEMORY", len(tar(PETS)) + 500)
    for place in ("gz/0.tar.gz", "gz/1.tar.xz", "zip/0.zip", "zip/1.tar.gz"):
        assert len(load(packed(tmp_path / place, PETS), split="all")) == 10
    assert len(load(f"archive:{tmp_path / 'zip'}", split="all")) == 20
    advice = r"becomes more than .* undo the compression of each and name the \.tars: unxz -c .*1\.tar\.xz > .*1\.tar$"
    with pytest.raises(InputError, match=advice):
        load(f"archive:{tmp_path / 'gz'}", split="all")


@pytest.mark.parametrize("kind", [".zip", ".tar"])
def test_what_an_archive_hides_is_left_out_and_counted(tmp_path: Path, kind: str) -> None:
    hidden = {"../../out.png": png(), "/etc/out.png": png(), "C:\\out.png": png(), "inner.zip": zipped(PETS)}
    spec = packed(tmp_path / f"a{kind}", {**PETS, **hidden, "cat/.x.png": png(), "lonely.json": b"3"})
    reason = r"left out 6 \(path out of the archive 3, archive in the archive 1, hidden 1, no image beside it 1\); the"
    with pytest.warns(UserWarning, match=reason):
        found = load(spec, split="all")
    assert (len(found), found.class_names) == (10, ("cat", "dog"))


def test_what_is_left_out_is_named_without_the_folder_around_everything(tmp_path: Path) -> None:
    hidden = {"cat/.x.png": "hidden", "cat/inner.zip": "archive in the archive", "lonely.json": "no image beside it"}
    inside = {f"pets/{name}": png() for name in (*PETS, *hidden)}
    specs = [packed(tmp_path / f"{number}.tar", inside) for number in range(2)]
    assert load(specs[0], quiet=True).left_out == hidden
    several = {f"{number}.tar:lonely.json": "no image beside it" for number in range(2)}
    for name in ("cat/.x.png", "cat/inner.zip"):
        several |= {f"cat/{number}.tar:{Path(name).name}": hidden[name] for number in range(2)}
    assert load(f"archive:{tmp_path}", quiet=True).left_out == several


def test_links_and_devices_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(png(3))
    stream = io.BytesIO(tar(PETS))
    with tarfile.open(fileobj=stream, mode="a") as appended:
        for number, kind in enumerate((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE)):
            entry = tarfile.TarInfo(f"cat/link{number}.png")
            entry.type, entry.linkname = kind, str(tmp_path / "secret.png")
            appended.addfile(entry)
    (tmp_path / "a.tar").write_bytes(stream.getvalue())
    with pytest.warns(UserWarning, match=r"left out 2 \(link 2\); the first cat/link0\.png"):
        assert len(load(f"archive:{tmp_path / 'a.tar'}", split="all")) == 10
    info = zipfile.ZipInfo("cat/link.png")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed_links:
        packed_links.writestr("cat/a.png", png())
        packed_links.writestr(info, str(tmp_path / "secret.png"))
    assert open_archive("x", tmp_path / "a.zip").left_out == {"cat/link.png": "link"}


def test_damaged_images_in_an_archive_are_named_and_may_be_left_out(tmp_path: Path) -> None:
    content = bytearray(zipped({**PETS, "notes.doc": b"?"}))
    place = content.index(b"cat/4.png") + 60
    content[place : place + 4] = b"\0\1\2\3"
    (tmp_path / "a.zip").write_bytes(content)
    spec = f"archive:{tmp_path / 'a.zip'}"
    with pytest.raises(
        InputError, match=r"2 files that are no images: cat/4\.png \(cut off or damaged\), notes\.doc \(unk"
    ):
        load(spec)
    with pytest.warns(UserWarning, match=r"left out 2 \(cut off or damaged 1, unknown format 1\);"):
        assert len(load(spec, skip_broken=True, split="all")) == 9


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_cut_anywhere_is_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    packed(tmp_path / f"a{kind}", PETS)
    content = (tmp_path / f"a{kind}").read_bytes()
    last = len(content.rstrip(b"\0")) - 1
    for end in (
        {*range(0, last, max(1, last // 29)), *range(0, last, 512)} if kind == ".tar" else range(0, last - 8, 29)
    ):
        (tmp_path / f"b{kind}").write_bytes(content[:end])
        with pytest.raises(InputError, match=rf"b{kind} is (damaged or cut off|no archive)") as error:
            load(f"archive:{tmp_path / f'b{kind}'}")
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_damaged_archive_raises_nothing_but_an_input_error(tmp_path: Path, kind: str) -> None:
    files = {"captions.jsonl": LINES, **dict([*PETS.items()][:3]), "0.cls": b"1", "dataset.json": b'{"labels": null}'}
    packed(tmp_path / f"a{kind}", files)
    content, rng = (tmp_path / f"a{kind}").read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), 4):
            damaged[place] = rng.integers(256)
        (tmp_path / f"b{kind}").write_bytes(damaged)
        with contextlib.suppress(InputError):
            assert load(f"archive:{tmp_path / f'b{kind}'}", skip_broken=True, size=8, split="all").whole


def test_what_did_not_fit_into_memory_once_is_read_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "KEPT_FILES", 1)
    spec = packed(tmp_path / "a.zip", PETS)
    os.utime(tmp_path / "a.zip", (10**9, 10**9))  # of what was changed just then nothing is kept
    usual = archive_members._zip_member

    def short_of_memory(file: IO[bytes], info: zipfile.ZipInfo) -> bytes:
        if info.filename == "cat/4.png":
            raise MemoryError
        return usual(file, info)

    with monkeypatch.context() as patch:
        patch.setattr(archive_members, "_zip_member", short_of_memory)
        with pytest.warns(UserWarning, match=r"left out 1 \(does not fit into memory 1\);"):
            assert len(load(spec, split="all", skip_broken=True)) == 9
    assert len(load(spec, split="all", skip_broken=True)) == 10


def test_an_archive_that_does_not_fit_into_memory_is_not_called_damaged_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short_of_memory(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(archive_members, "_zip", short_of_memory)
    with pytest.raises(InputError, match=r"a\.zip does not fit into memory, or is damaged\. Make room"):
        load(packed(tmp_path / "a.zip", PETS))


def test_a_damaged_header_within_a_tar_is_not_taken_for_its_end(tmp_path: Path) -> None:
    content = bytearray(tar(PETS))
    place = content.index(b"dog/5.png")
    content[place : place + 3] = b"???"
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(
        InputError, match=rf"a\.tar is damaged or cut off \(neither a file nor the end at byte {place}\)"
    ):
        load(f"archive:{tmp_path / 'a.tar'}")


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    content = bytearray(zipped(PETS))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(magic) + offset] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(InputError, match=r"is encrypted\. Unpack it with its password, and name the folder"):
        load(f"archive:{tmp_path / 'a.zip'}")


def test_bombs_are_refused_unopened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_limits, "ALWAYS_ALLOWED", 1 << 20)
    with pytest.raises(InputError, match="which no images do"):
        load(packed(tmp_path / "a.zip", {"a.png": bytes(3 << 20)}))
    monkeypatch.setattr(archive_limits, "MAX_IN_MEMORY", 1 << 20)
    with pytest.raises(InputError, match=r"becomes more than 0.0 GB"):
        load(packed(tmp_path / "a.tar.gz", {"a.png": bytes(3 << 20)}))
    monkeypatch.setattr(archive_limits, "MAX_MEMBERS", 9)
    for kind in (".zip", ".tar"):
        with pytest.raises(InputError, match="has more than 9 files"):
            load(packed(tmp_path / f"b{kind}", PETS))
    monkeypatch.setattr(archive_limits, "MAX_MEMBERS", 99)
    monkeypatch.setattr(archive_limits, "MAX_MEMBER", 500)
    with pytest.warns(UserWarning, match=r"left out 1 \(file of more than 512 MiB 1\); the first long\.png"):
        assert len(load(packed(tmp_path / "c.tar", {**PETS, "long.png": bytes(501)}), split="all")) == 10


def lying(path: Path, files: Mapping[str, bytes], compression: int, *, offset: int, value: bytes) -> Path:
    """Writes a .zip whose list of files says another thing of the first."""
    with zipfile.ZipFile(path, "w", compression) as made:
        for name, content in files.items():
            made.writestr(name, content)
    content = bytearray(path.read_bytes())
    place = content.index(b"PK\x01\x02") + offset
    content[place : place + len(value)] = value
    path.write_bytes(content)
    return path


TWENTY = (20).to_bytes(4, "little")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_larger_than_it_says_is_damaged(tmp_path: Path, compression: int) -> None:
    path = lying(tmp_path / "a.zip", {"a.png": png(), "b.png": png()}, compression, offset=24, value=TWENTY)
    with pytest.raises(InputError, match=r"1 file that is no image: a\.png \(cut off or damaged\)"):
        load(f"archive:{path}")


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_that_expands_beyond_what_it_says_takes_no_memory(tmp_path: Path, compression: int) -> None:
    members = open_archive("x", lying(tmp_path / "a.zip", {"a": bytes(1 << 24)}, compression, offset=24, value=TWENTY))
    tracemalloc.start()
    with pytest.raises(InputError, match=r"^cut off or damaged$"):
        members.read("a")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 << 20  # of bzip2, which unpacks blocks of 900 kB; the content has 16 MiB


def test_members_of_a_zip_that_are_never_read_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"a.png": bytes(range(256)) * 2, "b.png": png()}
    zstd = lying(tmp_path / "a.zip", files, zipfile.ZIP_STORED, offset=10, value=bytes([93]))
    assert open_archive("x", zstd).left_out == {"a.png": "of a compression that is not read"}
    monkeypatch.setattr(archive_limits, "MAX_MEMBER", 500)
    long = lying(tmp_path / "b.zip", files, zipfile.ZIP_STORED, offset=24, value=TWENTY)
    assert open_archive("x", long).left_out == {"a.png": "file of more than 512 MiB"}


def test_what_is_no_archive_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.rar").write_bytes(b"Rar!\x1a\x07\x01\0")
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "empty").mkdir()
    packed(tmp_path / "a.zip", PETS)
    for spec, message in {
        f"archive:{tmp_path / 'a.rar'}": "a.rar is a .rar, expected .zip, .tar, .tar.gz, .tar.xz or .tar.bz2.",
        f"archive:{tmp_path / 'a.png'}": "a.png is no archive, expected .zip",
        f"archive:{tmp_path / 'empty'}": f"holds no archives (.zip, .tar, .tar.gz, .tar.xz or .tar.bz2). Name one, or a"
        f" folder of images: folder:{tmp_path / 'empty'}.",
        f"archive:{tmp_path / 'nowhere.zip'}": "does not exist. Name a file of the kind .zip",
        f"archive:{tmp_path}/{{0..2}}.tar": "names 0.tar, which does not exist. Name a file",
        "archive:": "names no archive. Name a file",
        "archive": "names no archive. Name a file",
        f"folder:{tmp_path / 'a.zip'}": f"is an archive. It is read without unpacking: archive:{tmp_path / 'a.zip'}.",
    }.items():
        with pytest.raises(InputError) as error:
            load(spec)
        assert message in str(error.value)
