"""Loading the images among the files of a set, which a folder and an archive have alike.

Layout, captions, classes and number are checked by the names of the files, before an image is decoded; then every file
is read once (`genjax.data.reading`).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from genjax.data.dataset import Dataset
from genjax.data.files import Files, unusable
from genjax.data.images import FORMAT_NAMES, UNKNOWN, Probe
from genjax.data.large_images import TOO_LARGE
from genjax.data.left_out import counted, warn_once
from genjax.data.reading import Contents, read_files, read_heads
from genjax.data.request import Request, choose, held_out, warn_of_grey
from genjax.data.sources.folder_captions import (
    Captions,
    foreign_lines,
    missing_error,
    missing_line,
    read_captions,
    without_caption,
)
from genjax.data.sources.folder_layout import Place, is_note, lone_split, places
from genjax.data.sources.sidecars import OBJECT
from genjax.errors import InputError

NO_CAPTION = "no caption"  # the reason of an image that is left out for that


class ImageFiles(NamedTuple):
    """The files of a set, and what is said of them beside.

    Attributes:
        files: files that may be images, sorted by their paths, with slashes: splits and classes are read from these.
        left_out: {path: reason} of files that are not opened.
        captions: paths of the files that hold captions, which `Files.open` opens as well.
        labels: {path: name of its class} where a file says the classes; None where the folders are classes.
        described: {path: caption} of captions that lie in a .json beside each image.
    """

    files: Files
    left_out: dict[str, str]
    captions: list[str]
    labels: Mapping[str, str] | None = None
    described: Mapping[str, str] = {}


class Arrangement(NamedTuple):
    """The places, classes and captions of the images of a set, known without their pixels.

    Attributes:
        given: paths from which it was made.
        paths: paths of the images that are used.
        chosen: places among these of the images that were asked for: int64, ascending.
        labels: classes of the images that are used: int32 (n,).
        class_names: names of the classes; () without.
        captions: {path: caption}; {} without.
        left_out: {path: reason} of images that are left out for where they lie or for want of a caption.
        remarks: lines to warn of.
    """

    given: list[str]
    paths: list[str]
    chosen: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    captions: dict[str, str]
    left_out: dict[str, str]
    remarks: list[str]


def load_files(given: ImageFiles, request: Request) -> Dataset:
    """Loads the images among the files of a folder or an archive, in the order of their names.

    Args:
        given: its files.
        request: as for `load_folder`.
    Raises:
        InputError: as `load_folder`.
    """
    name = given.files.name
    # Which files are left out as broken is known only once they are decoded.
    early = None if request.skip_broken else _arranged_by_names(given, request)
    contents = read_files(given.files, request.size, request.channels, whole=request.skip_broken or not request.num)
    probes, left_out = _usable(name, contents, given.left_out, skip_broken=request.skip_broken)
    same = early is not None and early.given == [*probes]
    arranged = early if early and same else _arranged(given, request, [*probes], left_out)
    for line in arranged.remarks:
        warn_once(line)
    colourful = sum(not probes[path].grey for path in arranged.paths)
    if request.channels == 1 and colourful:
        warn_of_grey(name, colourful, len(arranged.paths))
    chosen, captions = [arranged.paths[i] for i in arranged.chosen], arranged.captions
    return Dataset(
        name=name,
        split=request.split,
        images=contents.images(chosen, request.channels or (3 if colourful else 1)),
        labels=arranged.labels[arranged.chosen] if arranged.class_names else None,
        class_names=arranged.class_names,
        captions=tuple(captions[path] for path in chosen) if captions else (),
        whole=len(arranged.paths),
        left_out=left_out | arranged.left_out,
    )


def _arranged_by_names(given: ImageFiles, request: Request) -> Arrangement | None:
    """Finds what is wrong with a set before an image is decoded.

    By the names alone; where something seems wrong, without the files that are no images by their heads.

    Returns:
        What holds if all files are images but for notes; None where not all are.
    Raises:
        InputError: another layout, captions that do not match, classes that are missing, or too few images.
    """
    try:
        return _arranged(given, request, [path for path in given.files.stats if not is_note(path)], given.left_out)
    except InputError:
        usable = [path for path, row in read_heads(given.files).rows.items() if not row.probe.problem]
        if usable:
            _arranged(given, request, usable, given.left_out)
    return None


def _arranged(given: ImageFiles, request: Request, paths: list[str], others: Mapping[str, str]) -> Arrangement:
    """Reads splits, classes and captions of images, and chooses those of a request.

    Args:
        given: set.
        request: what is asked for.
        paths: paths of its images.
        others: {path: reason} of the files that are left out.
    Raises:
        InputError: as `_arranged_by_names`.
    """
    name = given.files.name
    where = places(name, paths, depth=request.class_depth)
    beside = dict.fromkeys(sorted({*paths} - where.keys()), _beside(lone_split(paths, where)))
    captions, mute, remarks = _captions(given, request, [*where], [*others, *beside])
    left_out = beside | dict.fromkeys(mute, NO_CAPTION)
    where = {path: place for path, place in where.items() if path not in left_out}
    labels, class_names = _labels(name, where, given.labels)
    chosen = choose(name, request, _in_test([*where], [*where.values()]))
    return Arrangement(paths, [*where], chosen, labels, class_names, captions, left_out, remarks)


def _usable(
    name: str, contents: Contents, left_out: Mapping[str, str], *, skip_broken: bool
) -> tuple[dict[str, Probe], dict[str, str]]:
    """Finds the images among the files of a set.

    Returns:
        ({path: what its head says} of the images that can be used, {path: reason} of what is left out).
    """
    probes = {path: found for path, found in contents.probes.items() if found.problem != UNKNOWN or not is_note(path)}
    problems = {path: found.problem for path, found in probes.items() if found.problem}
    if skip_broken or not all(map(_is_large, problems.values())):  # one error counts every broken file, not some
        problems = {path: reason for path, reason in contents.problems().items() if path in probes}
    broken = {path: reason for path, reason in problems.items() if not _is_large(reason)}
    if broken and not skip_broken:
        raise unusable(name, broken)
    left_out = {**left_out, **problems}
    if len(problems) == len(probes):
        reasons = f" that can be used ({counted(left_out)})" if left_out else ""
        raise InputError(f"{name} holds no images{reasons}. Put some into it ({FORMAT_NAMES}).")
    return {path: found for path, found in probes.items() if path not in problems}, left_out


def _is_large(reason: str) -> bool:
    return reason.startswith(TOO_LARGE)


def _beside(split: str) -> str:
    return f"beside {split}/, which is taken for a split (rename it if it is a class)"


def _captions(
    given: ImageFiles, request: Request, paths: list[str], others: Sequence[str]
) -> tuple[dict[str, str], list[str], list[str]]:
    """Reads the captions of images.

    Returns:
        ({path: caption}, {} for a set without captions; images to leave out for want of one; lines to warn of).
    """
    name, how = given.files.name, request.captions
    captions = read_captions(given.files.open, name, paths, given.captions, others=others)
    if not captions.kind and given.described:
        captions = Captions({**given.described}, OBJECT, {})
    missing = without_caption(paths, captions)
    if not captions.kind or (missing and how == "unneeded"):
        return {}, [], []
    if missing and (how == "require" or len(missing) == len(paths)):
        raise missing_error(name, paths, missing, captions)
    remarks = foreign_lines(name, captions)
    if missing and how == "empty":
        remarks.append(f"{missing_line(name, paths, missing, captions)}: theirs is empty")
    texts = {path: captions.texts.get(path, "") for path in paths}
    return texts, missing if how == "drop" else [], remarks


def _in_test(files: list[str], where: list[Place]) -> np.ndarray:
    """Marks the held-out images: those in ``test/`` if the folder has it, otherwise a fifth by file name."""
    said = [place.in_test for place in where]
    return held_out(files) if None in said else np.array(said, bool)


def _labels(
    name: str, where: Mapping[str, Place], said: Mapping[str, str] | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Numbers the classes from 0: int32 (n,), and their names.

    Args:
        name: name of the set, for messages.
        where: place of each image.
        said: {path: class} where a file says the classes, which are sorted as numbers if all are; None for folders.
    """
    labels = [place.label if said is None else said.get(path, "") for path, place in where.items()]
    missing = [path for path in where if said and path not in said]
    if missing:
        raise InputError(
            f"{name} says no class for {len(missing)} of {len(where)} images, the first {missing[0]!r}, and one for the"
            " others. Give each image a class, or none."
        )
    names = sorted({*labels} - {""})
    if said is not None and all(name.isdecimal() for name in names):
        names = sorted(names, key=int)
    numbers = {label: number for number, label in enumerate(names)}
    return np.array([numbers.get(label, 0) for label in labels], np.int32), tuple(names)
