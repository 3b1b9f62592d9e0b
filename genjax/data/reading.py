"""Reading the image files of a set: each is opened once, its head and its pixels in one go; and kept.

What was decoded goes to the cache (`genjax.data.cache`), from which the next start takes the rows of all files that
have the same name, size and time of change, for files in an archive those of the archive: what was changed, added or
removed is seen. A file that was replaced by one of the same size under the same time of change (`touch -r`,
`rsync --times`) is not: `genjax cache --clear`.
Small sets are not kept: they are read anew at each start.
"""

import time
import warnings
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from genjax.data import cache, dataset
from genjax.data.cache import Entry, Row, native
from genjax.data.dataset import LazyImages
from genjax.data.files import Files, Stat, broken, look_at, unusable
from genjax.data.images import DAMAGED, UNKNOWN, Picture, Probe, decode, problem_of
from genjax.data.large_images import TOO_LARGE
from genjax.errors import InputError

KEPT_FILES, KEPT_BYTES = 200, 10_000_000  # a set of fewer files and bytes than these is not kept
NO_STAT = Stat(-1, -1)


class _NoRoomError(Exception):
    """The images of a set fit neither into the cache nor into memory."""


@dataclass(frozen=True)
class Contents:
    """The images and heads that were read of the files of a set.

    Attributes:
        files: the set.
        size: height and width of the images.
        entry: a row for each file, and the pixels of those that were decoded.
    """

    files: Files
    size: int
    entry: Entry

    @property
    def probes(self) -> dict[str, Probe]:
        """Returns {name: facts from its head, or why it cannot be used} of all files."""
        return {name: row.probe for name, row in self.entry.rows.items()}

    def problems(self) -> dict[str, str]:
        """Returns {name: reason} of the files that cannot be used; those that are not decoded yet are, to find out."""
        known = {name: row.probe.problem for name, row in self.entry.rows.items() if row.probe.problem}
        unread = [name for name, row in self.entry.rows.items() if row.number < 0 and name not in known]
        return known | broken(self.files, unread)

    def images(self, names: Sequence[str], channels: int) -> np.ndarray | LazyImages:
        """Returns the images of these files, decoded if they fit into memory, otherwise when they are used.

        Args:
            names: files without a known problem.
            channels: 1 or 3.
        Raises:
            InputError: a file that cannot be decoded; the message counts all of them.
        """
        shape = (len(names), self.size, self.size, channels)
        lazy = LazyImages(lambda number: self._image(names[number], channels), np.arange(len(names)), shape)
        return self._all(names, channels) if lazy.fits else lazy

    def _kept(self, name: str) -> np.ndarray | None:
        """Returns the pixels of a file that was decoded, a grey one with one channel."""
        pixels = native(self.entry, self.entry.rows[name])
        if pixels is None and self.entry.rows[name].number >= 0:
            cache.discard(self.entry.path)  # it is damaged: the next start makes it anew
        return pixels

    def _image(self, name: str, channels: int) -> np.ndarray:
        pixels = self._kept(name)
        try:
            if pixels is None:
                with self.files.open(name) as file:
                    pixels = decode(file, self.size, channels, max_pixels=self.files.max_pixels)
        except (InputError, OSError) as error:
            reason = str(error) if isinstance(error, InputError) else problem_of(error)
            raise self._unusable({name: reason}) from None
        return np.broadcast_to(pixels, (self.size, self.size, channels))

    def _all(self, names: Sequence[str], channels: int) -> np.ndarray:
        images = np.empty((len(names), self.size, self.size, channels), np.uint8)
        missing: dict[str, int] = {}
        for number, name in enumerate(names):
            pixels = self._kept(name)
            if pixels is None:
                missing[name] = number
            else:
                images[number] = pixels
        failed: dict[str, str] = {}

        def take(name: str, picture: Picture) -> None:
            if picture.pixels is None:
                failed[name] = picture.probe.problem
            else:
                images[missing[name]] = picture.pixels

        look_at(self.files, [*missing], self.size, channels, take)
        if failed:
            raise self._unusable(failed)
        return images

    def _unusable(self, failed: dict[str, str]) -> InputError:
        """Makes the error of files that turned out to be broken, with all others that are."""
        usable = [name for name, row in self.entry.rows.items() if not row.probe.problem]
        return unusable(self.files.name, failed | broken(self.files, usable))


def read_files(files: Files, size: int, channels: int, *, whole: bool = True) -> Contents:
    """Reads the files of a set, from the cache those that are as they were.

    Args:
        files: set to read.
        size: height and width of the images.
        channels: 1 makes colour grey; 0 and 3 leave it.
        whole: True decodes every file, if there is room for the images; False reads the heads of those that are not in
            the cache.
    """
    began, as_grey = time.time_ns(), channels == 1
    known = _known(files, size, as_grey=as_grey)
    shape = (len(files.stats), size, size, 1 if as_grey else 3)
    need = int(np.prod(shape))
    fits = need <= dataset.IN_MEMORY or _folder_for(files, need)
    if whole and fits and files.stats.keys() - known.rows.keys():
        with suppress(_NoRoomError):
            return Contents(files, size, _decoded(files, known, shape, began=began))
    return Contents(files, size, read_heads(files, known))


def read_heads(files: Files, known: Entry | None = None) -> Entry:
    """Reads the heads of files, but for those of which there are rows already."""
    known = known or Entry({}, np.empty((0, 1, 1, 1), np.uint8))
    rows = dict(known.rows)

    def take(name: str, picture: Picture) -> None:
        rows[name] = Row(-1, files.stats[name] or NO_STAT, picture.probe)

    look_at(files, [name for name in files.stats if name not in rows], 0, 0, take)
    return known._replace(rows={name: rows[name] for name in files.stats})


def _decoded(files: Files, known: Entry, shape: tuple[int, int, int, int], *, began: int) -> Entry:
    """Decodes the files of which there are no rows, and keeps what was decoded with what was known.

    Room is made with the first image: a file that could not be opened is tried at every start, and most often in vain.

    Raises:
        _NoRoomError: there is no room.
    """
    numbers = {name: number for number, name in enumerate(files.stats)}
    as_grey = shape[-1] == 1
    rows: dict[str, Row] = {}
    made: list[np.ndarray] = []

    def put(name: str, picture: Picture) -> None:
        stat, image = files.stats[name] or NO_STAT, picture.pixels
        if image is None:
            rows[name] = Row(-1, stat, picture.probe)
            return
        if not made:
            made.append(_room(files, shape))
        made[0][numbers[name]] = image
        rows[name] = Row(numbers[name], stat, picture.probe, zlib.crc32(np.ascontiguousarray(image).data))

    def look(names: Sequence[str]) -> None:
        look_at(files, names, shape[1], int(as_grey), put)

    try:
        look([name for name in files.stats if name not in known.rows])
        if not made:
            rows |= known.rows
            return known._replace(rows={name: rows[name] for name in files.stats})
        for name, row in known.rows.items():
            image = native(known, row)
            if image is not None or row.probe.problem:
                put(name, Picture(row.probe, image))
        look([name for name in files.stats if name not in rows])  # whose kept pixels are damaged
        rows = {name: rows[name] for name in files.stats}
        return _kept(files, rows, made[0], shape[1], as_grey=as_grey, began=began)
    except BaseException:
        for pixels in made:
            cache.discard(getattr(pixels, "filename", None))
        raise


def _known(files: Files, size: int, *, as_grey: bool) -> Entry:
    """Returns the cache's rows of the files that are as they were."""
    found = _current(files, size, as_grey=False)
    colour = [row for row in found.rows.values() if not (row.probe.grey or row.probe.problem)]
    if as_grey and (colour or found.rows.keys() != files.stats.keys()):
        found = _current(files, size, as_grey=True)  # where nothing has colour, both are the same
    return found


def _current(files: Files, size: int, *, as_grey: bool) -> Entry:
    path = _entry_path(files, size, as_grey=as_grey) if _worth_keeping(files) else None
    found = cache.read_entry(path) if path else None
    if found is None:
        return Entry({}, np.empty((0, 1, 1, 1), np.uint8))
    # Other problems than these may be gone though the file is the same: rights, a drive that failed.
    kept = {name: row for name, row in found.rows.items() if _lasts(row.probe.problem)}
    return found._replace(
        rows={name: kept[name] for name, stat in files.stats.items() if name in kept and kept[name].stat == stat}
    )


def _lasts(problem: str) -> bool:
    return problem in ("", UNKNOWN, DAMAGED) or problem.startswith(TOO_LARGE)


def _entry_path(files: Files, size: int, *, as_grey: bool) -> Path | None:
    return cache.entry_path(files.place, size, as_grey=as_grey, max_pixels=files.max_pixels)


def _worth_keeping(files: Files) -> bool:
    return len(files.stats) >= KEPT_FILES or files.total >= KEPT_BYTES


def _folder_for(files: Files, need: int) -> Path | None:
    """Returns the cache's folder, if so many bytes of a set are worth keeping and within the limit."""
    return cache.sets_folder() if _worth_keeping(files) and need <= cache.LIMIT else None


def _room(files: Files, shape: tuple[int, int, int, int]) -> np.ndarray:
    """Makes an array for the images of a set: in the cache's folder, else in memory.

    Raises:
        _NoRoomError: it fits into neither.
    """
    need = int(np.prod(shape))
    folder = _folder_for(files, need)
    if folder:
        try:
            return cache.allocate(folder, shape)
        except OSError as error:
            _warn_once(folder, str(error.strerror))
    if need > dataset.IN_MEMORY:
        raise _NoRoomError
    return np.zeros(shape, np.uint8)


def _kept(files: Files, rows: dict[str, Row], pixels: np.ndarray, size: int, *, as_grey: bool, began: int) -> Entry:
    """Keeps what was read, if its pixels lie in the cache's folder."""
    path = _entry_path(files, size, as_grey=as_grey)
    if path is None or not isinstance(pixels, np.memmap):
        return Entry(rows, pixels)
    try:
        return cache.finish(pixels, rows, path, place=files.place, began=began)
    except OSError as error:
        cache.discard(str(pixels.filename))  # what is mapped stays until the end of this process
        _warn_once(path.parent, str(error.strerror))
        return Entry(rows, pixels)


@lru_cache(maxsize=8)
def _warn_once(folder: Path, reason: str) -> None:
    warnings.warn(
        f"decoded images cannot be kept in {folder} ({reason}), so that every start decodes them again. Make room,"
        " or name another folder in XDG_CACHE_HOME",
        stacklevel=6,
    )
