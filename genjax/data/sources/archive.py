"""The source `archive`: a folder of images in a .zip or .tar, or many such archives as one set, read in place.

What holds for folders holds inside: the first folders are splits and classes, captions are optional. A folder around
everything, as packing a folder leaves, does not count. Files beside images say classes and captions, as WebDataset and
StyleGAN2-ADA have them (`sidecars`). Several archives are a folder of them, or a path with braces,
``shards/{000..003}.tar``; folders in which they lie count as those of the images, and so do ``train`` and ``val`` in
their names where both occur.
"""

import itertools
import os
import posixpath
import re
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from genjax.data.dataset import Dataset
from genjax.data.files import Files, stat_of
from genjax.data.request import Request, Spec
from genjax.data.sources.archive_members import KINDS, SUFFIXES, Members, open_archive, read_member
from genjax.data.sources.folder_captions import TEXT
from genjax.data.sources.folder_layout import (
    HELD_OUT,
    LABELS,
    TRAIN,
    is_hidden,
    is_note,
    list_files,
    sort_out,
)
from genjax.data.sources.image_files import ImageFiles, load_files
from genjax.data.sources.sidecars import ALONE, find_sidecars, parse_labels, read_sidecars
from genjax.errors import InputError, looked_for

NO_ARCHIVE = "no archive"
BRACES = re.compile(r"\{([^{}]*)\}")
MOST_ARCHIVES = 100_000  # that braces may name


class Archive(NamedTuple):
    """One archive of a set.

    Attributes:
        members: its files.
        paths: {path in the set: name of the member} of those that may be images or lie beside them.
        names: {name, without the folder around everything: path in the set} of the same.
        captions: paths in the set of those that hold captions.
        labels: name of the member that lists the classes; "" without.
        left_out: {path in the set: reason}.
    """

    members: Members
    paths: dict[str, str]
    names: dict[str, str]
    captions: list[str]
    labels: str
    left_out: dict[str, str]


def load_archive(path: str, request: Request) -> Dataset:
    """Loads the images in an archive, or in several, in the order of their names.

    Args:
        path: path of an archive, of a folder of archives, or with braces such as ``{000..003}``, from `request.root`
            where it is relative.
        request: as for `load_folder`.
    Raises:
        InputError: no such archive, a damaged or encrypted one, or whatever `load_folder` refuses in a folder.
    """
    name = f"archive:{path}"
    whole = (request.root or Path()) / Path(path).expanduser()
    places, foreign = _places(name, path, whole)
    stats = [stat_of(file) for file in places.values()]  # before they are opened: so the next start sees later changes
    archives = _arranged(_opened(name, places))
    members = {path: (one.members, member) for one in archives for path, member in one.paths.items()}
    sidecars, alone = find_sidecars(members.keys() - {file for one in archives for file in one.captions})
    sidecar_paths = {file for files in sidecars.values() for file in files.values()} | {*alone}

    def read(file: str) -> bytes:
        archive, member = members[file]
        return archive.read(member)

    beside = read_sidecars(name, sidecars, read)
    listed, captions = _labels(name, archives), _captions(name, archives)

    left_out = foreign | dict.fromkeys(alone, ALONE)
    for one in archives:
        left_out |= one.left_out
    of_members = {
        path: stat and stat._replace(member=member)
        for one, stat in zip(archives, stats, strict=True)
        for path, member in one.paths.items()
    }
    files = Files(
        name,
        str(whole.resolve()),
        {path: of_members[path] for path in sorted(members.keys() - sidecar_paths - {*captions})},
        sum(stat.size for stat in stats if stat),
        open=lambda file: BytesIO(read(file)),
        max_pixels=request.max_pixels,
    )
    labels = beside.labels or None if listed is None else listed
    return load_files(ImageFiles(files, left_out, captions, labels, beside.captions), request)


def expand_braces(path: str) -> list[str]:
    """Expands ``{000..003}`` and ``{a,b}`` in a path, in their order, as a shell does.

    Raises:
        InputError: more paths than a set may have archives.
    """
    parts = BRACES.split(path)  # text, inside of braces, text, ...
    choices = [[part] if number % 2 == 0 else _choices(part) for number, part in enumerate(parts)]
    number = 1
    for choice in choices:
        number *= len(choice)
    if number > MOST_ARCHIVES:
        raise InputError(f"archive:{path} names {number:,} archives, at most {MOST_ARCHIVES:,} are read as one set.")
    return ["".join(words) for words in itertools.product(*choices)]


def _choices(inside: str) -> Sequence[str]:
    if ends := re.fullmatch(r"([0-9]{1,12})\.\.([0-9]{1,12})", inside):
        first, last = int(ends[1]), int(ends[2])
        numbers = range(first, last + 1) if first <= last else range(first, last - 1, -1)
        if len(numbers) > MOST_ARCHIVES:
            raise InputError(
                f"archive: {{{inside}}} names {len(numbers):,} archives, at most {MOST_ARCHIVES:,} are read."
            )
        return [str(number).zfill(len(ends[1])) for number in numbers]
    return inside.split(",") if "," in inside else [f"{{{inside}}}"]


def _places(name: str, path: str, whole: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Finds the archives that a path names.

    Returns:
        ({place in the set: path on disk}, {path: reason} of what else lies in their folder). The place of a single
        archive is "".
    """
    if path and whole.is_dir():
        files, left_out, texts = list_files(whole)
        found = [file for file in files if file.lower().endswith(SUFFIXES)]
        if not found:
            raise InputError(f"{name} holds no archives ({KINDS}). Name one, or a folder of images: folder:{path}.")
        others = [file for file in (*files, *texts) if not (file in found or is_note(file))]
        return _placed(whole, [whole / file for file in found]), left_out | dict.fromkeys(others, NO_ARCHIVE)
    if path and whole.is_file():
        return {"": whole}, {}
    several = [Path(one) for one in expand_braces(str(whole))] if "{" in path else []
    missing = next((one for one in several or [whole] if not one.is_file()), None)
    if missing is not None:
        what = f"names {missing.name}, which" if several else "names nothing, or"
        reason = f"{what} does not exist{looked_for(missing)}" if path else "names no archive"
        reason = reason if several or not path else f"does not exist{looked_for(whole)}"
        raise InputError(f"{name} {reason}. Name a file of the kind {KINDS}: archive:PATH.")
    return _placed(Path(os.path.commonpath([one.parent for one in several])), several), {}


def _placed(root: Path, files: Sequence[Path]) -> dict[str, Path]:
    """Returns {folder and name of an archive, without its suffix: its path}; only "" if it is the only one."""
    if len(files) == 1:
        return {"": files[0]}
    inside = {file: file.relative_to(root).as_posix() for file in files}
    words = {file: _split_word(path) for file, path in inside.items()}
    both = not {*words.values()}.isdisjoint(TRAIN) and {*words.values()} - {*TRAIN, ""}
    flat = all("/" not in path for path in inside.values())
    return {f"{words[file]}/{path}" if both and flat and words[file] else path: file for file, path in inside.items()}


def _split_word(path: str) -> str:
    """Returns the split in the name of an archive, ``val`` in ``flowers-val-000.tar``; "" without."""
    known = {*TRAIN, *itertools.chain(*HELD_OUT)}
    return next((word for word in re.split(r"[^a-z]+", path.lower()) if word in known), "")


def _opened(name: str, places: Mapping[str, Path]) -> dict[str, Members]:
    """Opens the archives of a set, of which all together may keep in memory what one may."""
    opened: dict[str, Members] = {}
    held = 0
    for place, file in places.items():
        opened[place] = open_archive(name, file, held=held)
        held += opened[place].held
    return opened


def _arranged(opened: Mapping[str, Members]) -> list[Archive]:
    """Gives each file its path in the set: as in a folder into which all archives were unpacked, side by side."""
    around = _folder_around([name for members in opened.values() for name in members.names if not is_hidden(name)])
    return [_archive(place, members, around) for place, members in opened.items()]


def _folder_around(names: Sequence[str]) -> str:
    """Returns the folder in which all files lie, with a slash in the end; "" if there is none."""
    around = ""
    while names:
        tops = {name[len(around) :].partition("/")[:2] for name in names}
        if len(tops) > 1 or not (top := next(iter(tops)))[1]:
            break
        around += "".join(top)
    return around


def _archive(place: str, members: Members, around: str) -> Archive:
    inside = {name.removeprefix(around): name for name in members.names}
    files, hidden, captions = sort_out(inside)
    names = {file: _in_set(place, file) for file in (*files, *captions)}
    paths = {path: inside[file] for file, path in names.items()}
    texts = [names[file] for file in captions]
    unread = hidden | {file.removeprefix(around): reason for file, reason in members.left_out.items()}
    left_out = {_in_set(place, file): reason for file, reason in unread.items()}
    return Archive(members, paths, names, texts, inside.get(LABELS, ""), left_out)


def _in_set(place: str, file: str) -> str:
    """Returns the path in the set: of ``cat/1.png`` in the third of several archives ``cat/003.tar:1.png``."""
    folder, _, shard = place.rpartition("/")
    inside, base = posixpath.split(file)
    return posixpath.join(folder, inside, f"{shard}:{base}" if shard else base)


def _labels(name: str, archives: Sequence[Archive]) -> dict[str, str] | None:
    """Reads every ``dataset.json``; None if there is none."""
    found: dict[str, str] | None = None
    for one in archives:
        if one.labels:
            said = parse_labels(name, read_member(name, one.labels, one.members.read), one.names)
            found = (found or {}) | {one.names[file]: label for file, label in said.items()}
    return found


def _captions(name: str, archives: Sequence[Archive]) -> list[str]:
    """Returns the files that hold captions; of several archives only texts beside images do."""
    found = sorted(file for one in archives for file in one.captions)
    lists = [file for file in found if not file.lower().endswith(TEXT)]
    if lists and len(archives) > 1:
        raise InputError(
            f"{name} has {lists[0]}, and lists of captions are read in a single archive only. Put a {TEXT} beside each"
            " image, or all images into one archive."
        )
    return found


SPEC = Spec(
    name="archive",
    load=load_archive,
    forms=("archive:PATH",),
    summary=(
        "a folder of images as .zip, .tar, .tar.gz, .tar.xz or .tar.bz2, and WebDataset shards, read without unpacking"
    ),
    captions="an archive with captions",
    has_folders=True,
)
