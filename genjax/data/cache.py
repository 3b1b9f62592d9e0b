"""The cache of decoded sets: a file of pixels a set in the user's cache folder, so that a set is decoded once.

An entry is found by where its set lies and by how it was decoded, and says of each file which size and time of change
it had then: whoever reads it takes the rows of files that are as they were. It holds uint8 rows, then what is said of
them as JSON, then the length and a checksum of that. It appears whole or not at all; rows have checksums of their own.
"""

import errno
import hashlib
import json
import os
import shutil
import struct
import tempfile
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import PIL

from genjax.data.files import Stat
from genjax.data.images import FORMATS, RESIZE_RULE, Probe
from genjax.devices.backend import cache_folder

LIMIT = 8 << 30  # bytes of all entries; the least recently used go first
FORMAT = 3  # of entries; to be raised whenever `genjax.data.images` or `large_images` makes other pixels of a file
SUFFIX, PART = ".pixels", ".part"
FOOTER = struct.Struct("<QI8s")  # length and checksum of the JSON, and a mark
MARK = b"genjaxpx"
STALE = 24 * 3600  # seconds after which an unfinished entry is of a process that was killed
TIMES = 2 * 10**9  # nanoseconds: file systems tell the time of a change to 2 s or better


class Row(NamedTuple):
    """The row of a file in an entry.

    Attributes:
        number: its row of pixels; -1 where it was not decoded.
        stat: size and time of change when it was read.
        probe: facts from its head, or why it cannot be decoded.
        checksum: crc32 of its pixels, of a grey file with one channel.
    """

    number: int
    stat: Stat
    probe: Probe
    checksum: int = 0


class Entry(NamedTuple):
    """A set as it was decoded.

    Attributes:
        rows: {name of a file: its row}.
        pixels: uint8 (n, size, size, 1 or 3): the rows, of which grey ones are repeated where others have colour.
        path: of its file; None for one that is not kept.
    """

    rows: dict[str, Row]
    pixels: np.ndarray
    path: Path | None = None


class Description(NamedTuple):
    """The description of an entry: the place of its set, shape, files, bytes, and time of its last use."""

    place: str
    shape: tuple[int, ...]
    files: int
    bytes: int
    used: float


def sets_folder() -> Path | None:
    """Returns where decoded sets are kept; None without a home."""
    folder = cache_folder()
    return None if folder is None else folder / "sets"


def entry_path(place: str, size: int, *, as_grey: bool, max_pixels: int) -> Path | None:
    """Returns where the entry of a set lies; None without a home.

    Args:
        place: what tells the set from others: its resolved path.
        size: height and width of the images.
        as_grey: whether colour is made grey.
        max_pixels: pixels of the largest image that is decoded.
    """
    return drawn_path([FORMAT, place, size, as_grey, max_pixels, RESIZE_RULE, PIL.__version__, *FORMATS])


def drawn_path(how: list) -> Path | None:
    """Returns where the entry of a set lies whose pixels depend on these values alone; None without a home."""
    folder = sets_folder()
    key = hashlib.sha256(json.dumps(how).encode()).hexdigest()
    return None if folder is None else folder / f"{key[:32]}{SUFFIX}"


def read_entry(path: Path) -> Entry | None:
    """Reads an entry; None without one, or where it cannot be read now. One that is damaged is deleted."""
    try:
        with path.open("rb") as file:  # opened once: another process may put another one in its place
            about = _manifest(file)
            pixels = np.memmap(file, np.uint8, "r", shape=tuple(about["shape"]))
        rows = {
            name: Row(number, Stat(*stat), Probe(grey, problem), checksum)
            for name, number, stat, grey, problem, checksum in about["files"]
        }
    except OSError:
        return None
    except (ValueError, KeyError, TypeError, struct.error):
        discard(path)
        return None
    with suppress(OSError):
        os.utime(path)  # it was used
    return Entry(rows, pixels, path)


def native(entry: Entry, row: Row) -> np.ndarray | None:
    """Returns the pixels of a row, a grey one with one channel; None where they are not what was kept."""
    if row.number < 0 or row.number >= len(entry.pixels):
        return None
    pixels = entry.pixels[row.number]
    pixels = np.ascontiguousarray(pixels[..., :1] if row.probe.grey else pixels)
    return pixels if zlib.crc32(pixels.data) == row.checksum else None


def allocate(folder: Path, shape: tuple[int, ...]) -> np.memmap:
    """Makes an unfinished entry with room for these pixels, on the disk: a mapped file must not run out of it.

    Raises:
        OSError: the folder cannot be written, more than half of what is free would be taken, or unfinished
            entries leave no room within the limit.
    """
    need = int(np.prod(shape))
    folder.mkdir(parents=True, exist_ok=True)
    make_room(folder, need)
    descriptor, name = tempfile.mkstemp(dir=folder, suffix=PART)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, need)
            else:
                for start in range(0, need, 1 << 20):
                    file.write(bytes(min(1 << 20, need - start)))
        return np.memmap(name, np.uint8, "r+", shape=shape)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def finish(pixels: np.memmap, rows: Mapping[str, Row], path: Path, *, place: str, began: int) -> Entry:
    """Makes an entry of what `allocate` has made room for.

    Args:
        pixels: rows.
        rows: what is said of them.
        path: of `entry_path`; an entry that is there is replaced.
        place: where the set lies.
        began: time in nanoseconds before the files were looked at. What was changed just then may be changed again and
            look the same: such files are decoded anew at the next start.
    Raises:
        OSError: the disk is full, or the cache was cleared meanwhile.
    """
    recorded = [
        (name, row.stat._replace(changed=-1 if abs(began - row.stat.changed) < TIMES else row.stat.changed), row)
        for name, row in rows.items()
    ]
    files = [(name, row.number, stat, row.probe.grey, row.probe.problem, row.checksum) for name, stat, row in recorded]
    about = json.dumps({"place": place, "shape": pixels.shape, "files": files}).encode()
    pixels.flush()
    with open(str(pixels.filename), "r+b") as file:  # which does not make it anew where the cache was cleared meanwhile
        file.seek(0, os.SEEK_END)
        file.write(about + FOOTER.pack(len(about), zlib.crc32(about), MARK))
    os.replace(str(pixels.filename), path)
    return Entry(dict(rows), pixels, path)


def discard(path: Path | str | None) -> None:
    """Deletes an entry, or an unfinished one; another process that uses it keeps what it has opened."""
    if path is not None:
        with suppress(OSError):
            Path(path).unlink(missing_ok=True)


def make_room(folder: Path, need: int) -> None:
    """Deletes the least recently used entries, until so many bytes fit within the limit; none where they never would.

    Raises:
        OSError: as `allocate`.
    """
    making = 0
    for path in folder.glob(f"*{PART}"):
        with suppress(OSError):
            stat = path.stat()
            if time.time() - stat.st_mtime > STALE:
                path.unlink()
            else:
                making += stat.st_size
    entries = sorted(_sizes(folder), key=lambda one: one[1])
    excess = need + making + sum(size for size, _, _ in entries) - LIMIT
    freed, going = 0, []
    for size, _, path in entries:
        if freed < excess:
            freed += size
            going.append(path)
    if freed < excess:
        raise OSError(errno.ENOSPC, "unfinished ones fill it; `genjax cache --clear` deletes them")
    if 2 * need > shutil.disk_usage(folder).free + freed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    for path in going:
        discard(path)


def described() -> list[Description]:
    """Returns what is kept, the most recently used first."""
    found, folder = [], sets_folder()
    for size, used, path in _sizes(folder) if folder else []:
        with suppress(OSError, ValueError, KeyError, TypeError, struct.error):
            with path.open("rb") as file:
                about = _manifest(file)
            found.append(Description(about["place"], tuple(about["shape"]), len(about["files"]), size, used))
    return sorted(found, key=lambda one: -one.used)


def clear() -> int:
    """Deletes all entries, also unfinished ones; returns the number of bytes.

    Raises:
        OSError: one cannot be deleted.
    """
    folder = sets_folder()
    paths = [*folder.glob(f"*{SUFFIX}"), *folder.glob(f"*{PART}")] if folder else []
    freed = 0
    for path in paths:
        size = path.stat().st_size
        path.unlink(missing_ok=True)
        freed += size
    return freed


def _sizes(folder: Path) -> list[tuple[int, float, Path]]:
    """Lists entries as (bytes, time of the last use, path)."""
    found = []
    for path in folder.glob(f"*{SUFFIX}"):
        with suppress(OSError):
            stat = path.stat()
            found.append((stat.st_size, stat.st_mtime, path))
    return found


def _manifest(file: IO[bytes]) -> dict:
    """Reads what an open entry says of its rows.

    Raises:
        ValueError, KeyError, TypeError, struct.error: it is not as it was written.
        OSError: it cannot be read now.
    """
    end = file.seek(0, os.SEEK_END) - FOOTER.size
    if end < 0:
        raise ValueError("too short")
    file.seek(end)
    length, checksum, mark = FOOTER.unpack(file.read())
    if mark != MARK or length > end:
        raise ValueError("not written to its end")
    start = file.seek(end - length)
    text = file.read(length)
    about = json.loads(text)
    if zlib.crc32(text) != checksum or start != int(np.prod(about["shape"])):
        raise ValueError("damaged")
    return about
