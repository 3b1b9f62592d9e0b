"""The layout of a folder of images: which files count, their classes and splits, and the file of captions."""

import json
import os
from pathlib import Path
from typing import NamedTuple

from genjax.errors import InputError

CAPTIONS = "captions.jsonl"
DEEPEST = 3  # SPLIT/CLASS/IMAGE
IGNORED_FILES = ("thumbs.db", "desktop.ini")  # left behind by file managers
IGNORED_STARTS = (".", "__macosx", "readme", "license", "licence")


class Place(NamedTuple):
    """Class and split of an image, read from its path.

    Attributes:
        label: name of its class; "" in a folder without classes.
        in_test: True if it is held out; None in a folder without splits.
    """

    label: str
    in_test: bool | None


def list_files(root: Path) -> list[str]:
    """Lists all files that may be images, without opening them.

    Hidden files, a readme, a licence and the captions are left out. Folders below `DEEPEST` are not entered.

    Args:
        root: folder to list.
    Returns:
        Paths relative to `root`, with slashes, sorted.
    Raises:
        InputError: a folder that cannot be opened.
    """
    found: list[str] = []
    for folder, folders, files in os.walk(root, onerror=_cannot_open, followlinks=True):
        relative = Path(folder).relative_to(root)
        deepest = len(relative.parts) >= DEEPEST
        folders[:] = [] if deepest else [name for name in folders if not _ignored(name)]
        found += [(relative / name).as_posix() for name in files if not _ignored(name)]
    return sorted(path for path in found if path != CAPTIONS)


def places(name: str, paths: list[str]) -> list[Place]:
    """Reads class and split of each image from its path.

    Args:
        name: name of the set, for messages.
        paths: relative paths of all images, with slashes.
    Raises:
        InputError: images both in class folders and next to them, in ``train`` but not in ``test``, or too deep.
    """
    parts = [path.split("/") for path in paths]
    tops = {part[0] for part in parts if len(part) > 1}
    splits = {"train", "test"} & tops
    if splits:
        _check_splits(name, parts, splits)
        return [Place(label, part[0] == "test") for part, label in zip(parts, _labels(name, parts, 1), strict=True)]
    return [Place(label, None) for label in _labels(name, parts, 0)]


def read_captions(root: Path, name: str, paths: list[str]) -> dict[str, str]:
    """Reads the caption of every image from ``captions.jsonl``.

    Args:
        root: folder of the set.
        name: name of the set, for messages.
        paths: paths of its images, relative to the folder.
    Returns:
        {path: caption}; {} if there is no such file.
    Raises:
        InputError: a malformed line, a file named twice, or an image without a caption.
    """
    source = root / CAPTIONS
    if not source.is_file():
        return {}
    captions: dict[str, str] = {}
    try:
        lines = source.read_text(encoding="utf-8-sig").split("\n")  # str.splitlines would also cut at U+2028
    except UnicodeDecodeError:
        raise InputError(f"{name}: {CAPTIONS} is not UTF-8. Save it as UTF-8.") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            file, caption = _caption(f"{name}: {CAPTIONS} line {number}", line)
            if file in captions:
                raise InputError(f"{name}: {CAPTIONS} line {number} names {file!r} again. Keep one line a file.")
            captions[file] = caption
    missing = [path for path in paths if path not in captions]
    if missing:
        raise InputError(
            f"{name}: {CAPTIONS} has no caption for {len(missing)} of {len(paths)} images, the first {missing[0]!r}."
            " Add a line for each, or remove the file."
        )
    return captions


def _caption(where: str, line: str) -> tuple[str, str]:
    try:
        entry = json.loads(line)
        file, caption = entry["file"], entry["caption"]
    except (ValueError, KeyError, TypeError, RecursionError):
        file = caption = None
    if not (isinstance(file, str) and isinstance(caption, str)):
        raise InputError(f'{where} is not of the form {{"file": "a.png", "caption": "a red fox"}}. Correct it.')
    return file, caption


def _labels(name: str, parts: list[list[str]], skip: int) -> list[str]:
    """Finds the class folder of each file, "" if there are none, after `skip` leading folders (the split)."""
    depths = {len(part) - skip for part in parts}
    if depths <= {1}:
        return [""] * len(parts)
    if depths == {2}:
        return [part[skip] for part in parts]
    deep = next((part for part in parts if len(part) - skip > 2), None)
    if deep:
        raise InputError(f"{name}: {'/'.join(deep)} lies too deep. Put images into CLASS/, without folders in it.")
    loose = [part for part in parts if len(part) - skip == 1]
    raise InputError(
        f"{name} has images in class folders and {len(loose)} next to them, such as {'/'.join(loose[0])}."
        " Put every image into the folder of its class, or all into one."
    )


def _check_splits(name: str, parts: list[list[str]], splits: set[str]) -> None:
    if len(splits) == 1:
        (present,) = splits
        absent = "test" if present == "train" else "train"
        raise InputError(f"{name} has images in {present}/ but none in {absent}/. Add them, or name {present}/ itself.")
    others = ["/".join(part) for part in parts if part[0] not in splits]
    if others:
        raise InputError(
            f"{name} has train/ and test/, and {len(others)} images elsewhere, such as {others[0]}."
            " Move them into one of the two."
        )


def _ignored(name: str) -> bool:
    return name.lower() in IGNORED_FILES or name.lower().startswith(IGNORED_STARTS)


def _cannot_open(error: OSError) -> None:
    raise InputError(f"{error.filename} cannot be opened ({error.strerror}). Make it readable.")
