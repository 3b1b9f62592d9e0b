"""The layout of a folder of images: which files count, which hold captions, and the classes and splits."""

import os
import posixpath
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from genjax.data.sources.folder_captions import CAPTIONS, METADATA, TEXT
from genjax.errors import InputError

LABELS = "dataset.json"  # of the classes, as StyleGAN has it
IGNORED_FILES = ("thumbs.db", "desktop.ini")  # left behind by file managers
HIDDEN_STARTS = (".", "__macosx")
NOTE_STARTS = ("readme", "license", "licence")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
HIDDEN = "hidden"
LOOP = "links that lead back"
# Spellings of the folders of a split, in lower case: the part trained on first, then those that are held out.
TRAIN = ("train", "training")
HELD_OUT = (("test", "testing"), ("val", "valid", "validation", "dev"))
SPLITS = (*TRAIN, *HELD_OUT[0], *HELD_OUT[1])
SPLIT_ENDING = re.compile(r"[ _-]?(set|data|images)$")  # which such a name may have: train_set, testSet


class Listing(NamedTuple):
    """The files of a folder, and what was left out without being opened.

    Attributes:
        files: paths relative to the folder, with slashes, sorted.
        left_out: {path: reason}.
        captions: paths of the files that hold captions.
    """

    files: list[str]
    left_out: dict[str, str]
    captions: list[str]


class Place(NamedTuple):
    """Class and split of an image, read from its path.

    Attributes:
        label: name of its class; "" in a folder without classes.
        in_test: True if it is held out; None in a folder without splits.
    """

    label: str
    in_test: bool | None


def list_files(root: Path) -> Listing:
    """Lists all files that may be images, at any depth, without opening them.

    Links to folders are followed, but for those that lead back to a folder around them. See `sort_out` for what is left
    out.

    Args:
        root: folder to list.
    Raises:
        InputError: a folder that cannot be opened.
    """
    found: list[str] = []
    loops: dict[str, str] = {}
    waiting: list[tuple[str, tuple[Path, ...]]] = [
        ("", (root.resolve(),))
    ]  # folders to enter: (path in the set, it and the folders around it on disk)
    while waiting:
        inside, around = waiting.pop()
        for entry in _entries(root, inside):
            path = f"{inside}/{entry.name}" if inside else entry.name
            if _is_folder(entry):
                place = (root / path).resolve()
                if any(folder.is_relative_to(place) for folder in around):
                    loops[path] = LOOP
                else:
                    waiting.append((path, (*around, place)))
            else:
                found.append(path)
    listing = sort_out(found)
    return listing._replace(left_out=loops | listing.left_out)


def sort_out(paths: Iterable[str]) -> Listing:
    """Sorts the paths of files into those that may be images, those that hold captions and those that are left out.

    Hidden images are left out, and so are, without a word, other hidden files, the list of classes, and what file
    managers leave behind.

    Args:
        paths: relative paths, with slashes.
    """
    files: list[str] = []
    left_out: dict[str, str] = {}
    for path in paths:
        base = path.rpartition("/")[2]
        if is_hidden(path):
            left_out |= {path: HIDDEN} if _looks_like_an_image(base) else {}
        elif path != LABELS and base.lower() not in IGNORED_FILES:
            files.append(path)
    captions = _captions_among(files)
    return Listing(sorted(set(files) - captions), left_out, sorted(captions))


def is_hidden(path: str) -> bool:
    """Returns whether a file or a folder around it is hidden, or macOS's copy of attributes."""
    return any(part.startswith(HIDDEN_STARTS) for part in path.lower().split("/"))


def is_note(path: str) -> bool:
    """Returns whether a file that is no image may lie among images: a readme or a licence."""
    name = path.rpartition("/")[2].lower()
    return name.startswith(NOTE_STARTS) and not name.endswith(IMAGE_SUFFIXES)


def places(name: str, paths: Sequence[str], *, depth: int = 1) -> dict[str, Place]:
    """Reads class and split of each image from its path.

    The class is the first folder, or several joined by slashes. Where a folder of training images stands alone, without
    held-out ones, its images are the set, and those beside it are missing in the result.

    Args:
        name: name of the set, for messages.
        paths: relative paths of all images, with slashes.
        depth: folders that name a class, from the set or its split on; those below are free.
    Raises:
        InputError: images both in class folders and next to them, in fewer folders than name a class, held out without
            any to train on, outside of both splits, or in two spellings of one split.
    """
    tops = {path.partition("/")[0] for path in paths if "/" in path}
    train, held_out = _splits(name, tops)
    if not train and not held_out:
        return _labelled(name, paths, {"": None}, depth)
    if train and not held_out:
        inside = [path for path in paths if path.startswith(f"{train}/")]
        return _labelled(name, inside, {_start(inside, train): None}, depth)
    _check_splits(name, paths, train, held_out)
    return _labelled(name, paths, {_start(paths, top): top != train for top in (train, *held_out)}, depth)


def lone_split(paths: Collection[str], placed: Collection[str]) -> str:
    """Returns the folder of training images that stands alone among others, which `places` left out; "" if none."""
    return next(iter(placed)).partition("/")[0] if len(placed) < len(paths) else ""


def _entries(root: Path, inside: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(root / inside) as entries:
            return list(entries)
    except OSError as error:
        if is_hidden(inside):  # such as the waste basket of another user
            return []
        raise InputError(f"{error.filename} cannot be opened ({error.strerror}). Make it readable.") from None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) or (entry.is_symlink() and os.path.isdir(entry.path))


def _looks_like_an_image(name: str) -> bool:
    """Returns whether a hidden file is named like an image; macOS writes a ``._a.png`` beside each ``a.png``."""
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith("._")


def _captions_among(files: Sequence[str]) -> set[str]:
    """Returns the files that hold captions; texts do, if any has the name of a file beside it, all but notes."""
    named = {file for file in files if file == CAPTIONS or _is_metadata(file)}
    texts = {file for file in files if file.lower().endswith(TEXT)}
    stems = {posixpath.splitext(file)[0] for file in set(files) - texts - named}
    beside = {text for text in texts if posixpath.splitext(text)[0] in stems}
    return named | beside | ({text for text in texts if not is_note(text)} if beside else set())


def _is_metadata(file: str) -> bool:
    """Returns whether a file is metadata of Hugging Face: at the root, or in the folder of a split."""
    *folders, name = file.split("/")
    return name in METADATA and all(_plain(folder) in SPLITS for folder in folders)


def _plain(folder: str) -> str:
    """Returns the name of a folder in lower case, without the ending that the name of a split may have."""
    return SPLIT_ENDING.sub("", folder.lower())


def _splits(name: str, tops: set[str]) -> tuple[str, list[str]]:
    """Finds the folder of training images ("" if none) and those of held-out ones, among the first folders."""
    plain = {top: _plain(top) for top in sorted(tops)}
    found = [[top for top in plain if plain[top] in spellings] for spellings in (TRAIN, *HELD_OUT)]
    double = next((same for same in found if len(same) > 1), None)
    if double:
        raise InputError(f"{name} has {double[0]}/ and {double[1]}/, two names of one part. Put them into one folder.")
    (train, *held_out) = [same[0] if same else "" for same in found]
    return train, [top for top in held_out if top]


def _start(paths: Sequence[str], top: str) -> str:
    """Returns where the paths in a split begin: below a second folder of its name, as unpacking leaves it, if any."""
    inside = [path for path in paths if path.startswith(f"{top}/")]
    doubled = f"{top}/{top}/"
    return doubled if all(path.startswith(doubled) for path in inside) else f"{top}/"


def _check_splits(name: str, paths: Sequence[str], train: str, held_out: list[str]) -> None:
    named = " and ".join(f"{top}/" for top in held_out)
    if not train:
        raise InputError(
            f"{name} has held-out images in {named} but no folder train/ beside. Put the images to train on into"
            f" train/, name {held_out[0]}/ itself, or rename it if it is a class."
        )
    others = [path for path in paths if path.partition("/")[0] not in (train, *held_out)]
    if others:
        raise InputError(
            f"{name} has {train}/ and {named}, and {len(others)} images elsewhere, such as {others[0]}."
            f" Move them into one of these, or rename {train}/ and {named} if they are classes."
        )


def _labelled(name: str, paths: Sequence[str], splits: Mapping[str, bool | None], depth: int) -> dict[str, Place]:
    """Finds split and class of each path: the first folders after the split, "" if no image lies in one."""
    found: dict[str, Place] = {}
    loose: dict[str, int] = {}  # {path: folders that it lies in}
    for path in paths:
        split = next(start for start in splits if path.startswith(start))
        folders = path[len(split) :].split("/")[:-1]
        loose |= {} if len(folders) >= depth else {path: len(folders)}
        found[path] = Place("/".join(folders[:depth]), splits[split])
    first, least = next(iter(loose), ""), min(loose.values(), default=0)
    if loose and depth > 1:
        others = f" (and {len(loose) - 1:,} more)" if len(loose) > 1 else ""
        use = f"Use --class-depth {least}, or put" if least else "Put"
        raise InputError(
            f"--class-depth {depth}: {name} has {first}{others} in fewer folders than that. {use} every image {depth}"
            " folders deep, or deeper."
        )
    if loose and len(loose) < len(paths):
        raise InputError(
            f"{name} has images in class folders and {len(loose)} next to them, such as {first}."
            " Put every image into the folder of its class, or all into one; or name one of the folders."
        )
    return found
