"""The files in an archive, .zip or .tar, read in place: nothing is unpacked to disk, and no path in it is followed."""

import bz2
import gzip
import lzma
import os
import posixpath
import re
import shlex
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import IO, Any, NamedTuple

from genjax.data.images import problem_of
from genjax.data.sources import archive_limits
from genjax.data.sources.archive_limits import check_expansion, check_members
from genjax.errors import InputError

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tbz")
NESTED_SUFFIXES = (*SUFFIXES, ".gz", ".xz", ".bz2", ".zst", ".7z", ".rar")
KINDS = ".zip, .tar, .tar.gz, .tar.xz or .tar.bz2"
OUTSIDE, LINK, NESTED = "path out of the archive", "link", "archive in the archive"
TWICE, SPARSE, TOO_LONG = "of the same name as a later one", "with holes", "file of more than 512 MiB"
FOREIGN_KIND, NO_MEMORY = "of a compression that is not read", "does not fit into memory"
ENCRYPTED = 1  # bit of the flags of a member of a .zip
LOCAL_HEADER = struct.Struct("<4s22xHH")  # of a file in a .zip: mark, lengths of name and extra field
LZMA_HEADER = struct.Struct("<4xBI")  # of a file in a .zip: version, length of what follows, properties, dictionary
ZIP_KINDS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
DRIVE = re.compile(r"[A-Za-z]:")
DAMAGED = (  # every exception that a damaged archive was seen to raise
    struct.error,
    *(OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
    *(NotImplementedError, RuntimeError, ValueError, TypeError, LookupError, OverflowError),
)


class Compression(NamedTuple):
    """A compression of a whole .tar: the first bytes of its files, its reader, and the command that undoes it."""

    magic: bytes
    open: Callable[[Path], gzip.GzipFile | lzma.LZMAFile | bz2.BZ2File]
    command: str


COMPRESSIONS = (
    Compression(b"\x1f\x8b", gzip.GzipFile, "gunzip"),
    Compression(b"\xfd7zXZ\0", lzma.LZMAFile, "unxz"),
    Compression(b"BZh", bz2.BZ2File, "bunzip2"),
)
FOREIGN = {b"Rar!": "a .rar", b"7z\xbc\xaf": "a .7z", b"\x28\xb5\x2f\xfd": "compressed with zstd"}


class Members(NamedTuple):
    """The files in an archive.

    Attributes:
        names: their paths in it, with slashes.
        left_out: {path: reason} of those that are never read.
        read: function name -> content, for any thread. It raises InputError with only the reason.
        held: bytes that are kept in memory: of a compressed .tar, all.
    """

    names: list[str]
    left_out: dict[str, str]
    read: Callable[[str], bytes]
    held: int = 0


class Entry(NamedTuple):
    """A file in an archive: its path as it is written, size in bytes, where it lies, and why it is not read, if so."""

    path: str
    size: int
    place: Any
    problem: str


def open_archive(name: str, path: Path, *, held: int = 0) -> Members:
    """Lists the files in an archive, whose content decides of which kind it is, not its suffix.

    Args:
        name: name of the set, for messages.
        path: place of the archive.
        held: bytes of other archives of the set that are kept in memory.
    Raises:
        InputError: no archive, a damaged or encrypted one, or one that would fill the memory.
    """
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise InputError(f"{name}: {path} cannot be opened ({error.strerror}). Make it readable.") from None
    compression = next((one for one in COMPRESSIONS if head.startswith(one.magic)), None)
    try:
        if compression:
            return _compressed_tar(name, path, compression, held)
        if head[257:262] == b"ustar":  # first, since a .zip at the end of a .tar would make it look like one
            return _tar(name, path)
        if zipfile.is_zipfile(path):
            return _zip(name, path)
        if tarfile.is_tarfile(path):
            return _tar(name, path)
    except InputError:
        raise
    except MemoryError:  # also of a damaged header, which says that what follows is long
        raise InputError(f"{name}: {path.name} {NO_MEMORY}, or is damaged. Make room, or fetch it again.") from None
    except DAMAGED as error:
        raise InputError(f"{name}: {path.name} is damaged or cut off ({error}). Fetch or pack it again.") from None
    foreign = next((kind for magic, kind in FOREIGN.items() if head.startswith(magic)), "")
    if not foreign and head.startswith(b"PK"):
        raise InputError(
            f"{name}: {path.name} is damaged or cut off (a .zip without its list of files). Fetch it again."
        )
    advice = "Unpack it, and name the folder: folder:PATH." if foreign else "Name such a file: archive:PATH."
    raise InputError(f"{name}: {path.name} is {foreign or 'no archive'}, expected {KINDS}. {advice}")


def read_member(name: str, member: str, read: Callable[[str], bytes]) -> bytes:
    """Reads a file without which a set cannot be loaded; the error says which it is and what to do.

    Args:
        name: name of the set, for messages.
        member: path of the file.
        read: function path -> content, as `Members` has it.
    Raises:
        InputError: it cannot be read.
    """
    try:
        return read(member)
    except InputError as error:
        advice = "Make room in memory" if str(error) == NO_MEMORY else "Fetch it again"
        raise InputError(f"{name}: {member} cannot be read ({error}). {advice}.") from None


def _zip(name: str, path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
    check_members(name, len(infos))
    check_expansion(name, packed=path.stat().st_size, unpacked=sum(info.file_size for info in infos))
    if any(info.flag_bits & ENCRYPTED for info in infos):
        raise InputError(f"{name} is encrypted. Unpack it with its password, and name the folder: folder:PATH.")
    places, left_out = _sorted_out(
        Entry(info.filename, max(info.file_size, info.compress_size), info, _zip_problem(info)) for info in infos
    )

    def read(member: str) -> bytes:
        with path.open("rb") as file:
            return _zip_member(file, places[member])

    return Members([*places], left_out, _careful(read))


def _zip_member(file: IO[bytes], info: zipfile.ZipInfo) -> bytes:
    """Reads a file of an open .zip, whose place is known.

    zipfile itself would read the list of all files once for each thread, and keep a file open for each thread and
    archive: more than a process may have, where a set has many shards.
    """
    file.seek(info.header_offset)
    magic, name, extra = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
    file.seek(name + extra, os.SEEK_CUR)
    packed = _whole(file.read(info.compress_size), info.compress_size)
    content = _unpacked(packed, info.compress_type, info.file_size)
    if (magic, len(content), zlib.crc32(content)) != (b"PK\3\4", info.file_size, info.CRC):
        raise zipfile.BadZipFile
    return content


def _zip_problem(info: zipfile.ZipInfo) -> str:
    if stat.S_ISLNK(info.external_attr >> 16):
        return LINK
    return "" if info.compress_type in ZIP_KINDS else FOREIGN_KIND


def _unpacked(content: bytes, compression: int, size: int) -> bytes:
    """Undoes the compression of a file in a .zip of this size, or a byte more where it lies about what it becomes."""
    if compression == zipfile.ZIP_DEFLATED:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, size + 1)
    if compression == zipfile.ZIP_BZIP2:
        return bz2.BZ2Decompressor().decompress(content, size + 1)
    if compression == zipfile.ZIP_LZMA:
        properties, dictionary = LZMA_HEADER.unpack_from(content)
        # As a .lzma of unknown length. It can refer to no more than there is, whatever dictionary it asks for. A byte
        # more would be made up where no mark ends the stream; the checksum tells a longer one apart.
        head = struct.pack("<BIq", properties, min(dictionary, max(size, 1 << 12)), -1)
        return lzma.LZMADecompressor(lzma.FORMAT_ALONE).decompress(head + content[LZMA_HEADER.size :], size)
    return content


def _tar(name: str, path: Path) -> Members:
    with path.open("rb") as file:
        places, left_out = _sorted_out(_tar_entries(name, file))

    def read(member: str) -> bytes:
        offset, size = places[member]
        with path.open("rb") as file:
            file.seek(offset)
            return _whole(file.read(size), size)

    return Members([*places], left_out, _careful(read))


def _compressed_tar(name: str, path: Path, compression: Compression, held: int) -> Members:
    """Unpacks a .tar into memory, in one pass: it cannot be read but from front to back."""
    content = bytearray()
    with compression.open(path) as stream:
        while chunk := stream.read(1 << 20):
            content += chunk
            if held + len(content) > archive_limits.MAX_IN_MEMORY:
                raise InputError(_too_large(name, path, compression, several=held > 0))
    places, left_out = _sorted_out(_tar_entries(name, BytesIO(content)))

    def read(member: str) -> bytes:
        offset, size = places[member]
        return bytes(content[offset : offset + size])

    return Members([*places], left_out, _careful(read), len(content))


def _too_large(name: str, path: Path, compression: Compression, *, several: bool) -> str:
    plain = re.sub(r"(\.t[a-z0-9]+|\.tar\.[a-z0-9]+)?$", ".tar", str(path), count=1)
    each, tar = (" of each", "the .tars") if several else ("", "the .tar")
    return (
        f"{name} becomes more than {archive_limits.MAX_IN_MEMORY / 1e9:.1f} GB, and a compressed .tar can only be read"
        f" from front to back. Use a .zip, or undo the compression{each} and name {tar}: {compression.command} -c"
        f" {shlex.quote(str(path))} > {shlex.quote(plain)}"
    )


def _tar_entries(name: str, file: IO[bytes]) -> Iterator[Entry]:
    """Lists the entries of an open .tar that is not compressed; a place is (offset, size)."""
    with tarfile.open(fileobj=file, mode="r:") as archive:
        number, last = 0, -1
        while member := archive.next():
            vars(archive)["members"].clear()  # a kilobyte for each
            number += 1
            check_members(name, number)
            if member.offset <= last or member.size < 0:
                raise ValueError("a header points back")
            last = member.offset
            if member.issym() or member.islnk() or member.isreg():
                problem = SPARSE if member.issparse() else "" if member.isreg() else LINK
                yield Entry(member.name, member.size, (member.offset_data, member.size), problem)
        file.seek(archive.offset)
        end = file.read(tarfile.BLOCKSIZE)
        if not end or end.strip(b"\0"):  # tarfile takes a damaged header, and a cut between two files, for the end
            raise ValueError(f"neither a file nor the end at byte {archive.offset}")


def _sorted_out(entries: Iterable[Entry]) -> tuple[dict[str, Any], dict[str, str]]:
    """Returns ({path: place} of the files that may be read, {path: reason} of the others)."""
    places: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    for entry in entries:
        path = safe_path(entry.path)
        problem = entry.problem or ("" if path else OUTSIDE)
        if not problem and path.lower().endswith(NESTED_SUFFIXES):
            problem = NESTED
        if not problem and entry.size > archive_limits.MAX_MEMBER:
            problem = TOO_LONG
        if problem:
            left_out[path or entry.path] = problem
        else:
            if path in places:  # the later one stays, as in unpacking
                left_out[f"{path} ({len(left_out)})"] = TWICE
            places[path] = entry.place
    return places, left_out


def safe_path(path: str) -> str:
    """Returns a path in an archive with slashes and without ``./``; "" for one that leads out of it."""
    slashed = path.replace("\\", "/")
    out = slashed.startswith("/") or DRIVE.match(slashed) or ".." in slashed.split("/")
    return "" if out else posixpath.normpath(slashed)


def _whole(content: bytes, size: int) -> bytes:
    if len(content) < size:
        raise EOFError
    return content


def _careful(read: Callable[[str], bytes]) -> Callable[[str], bytes]:
    """Turns what a damaged member raises into InputError with its reason."""

    def careful(member: str) -> bytes:
        try:
            return read(member)
        except MemoryError:  # passing: no reason that is kept
            raise InputError(NO_MEMORY) from None
        except DAMAGED as error:
            raise InputError(problem_of(error)) from None

    return careful
