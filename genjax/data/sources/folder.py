"""The source `folder`: image files of any format, size and mode; sub-folders, if any, are classes.

Layouts: images in the folder itself, or all of them in folders named after their classes, at any depth. Either layout
may be repeated in ``train/`` and ``test/`` or ``val/``, in any usual spelling, which fixes the held-out images;
otherwise a fifth is held out, by the files' names. What is left out is counted, by reason. Captions are optional, see
`genjax.data.sources.folder_captions`. The content of a file decides its format, not its suffix.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genjax.data.dataset import Dataset, LazyImages
from genjax.data.images import FORMAT_NAMES, UNKNOWN, Probe
from genjax.data.large_images import TOO_LARGE
from genjax.data.left_out import counted, warn_once
from genjax.data.request import Request, Spec, choose, held_out, warn_of_grey
from genjax.data.sources.archive_members import SUFFIXES
from genjax.data.sources.folder_captions import (
    KINDS,
    Captions,
    foreign_lines,
    missing_error,
    missing_line,
    read_captions,
    without_caption,
)
from genjax.data.sources.folder_layout import LABELS, Place, is_note, list_files, lone_split, places
from genjax.data.sources.image_files import ImageFiles
from genjax.data.sources.sidecars import OBJECT, parse_labels
from genjax.errors import InputError, looked_for

SHOWN = 10  # most files that a message names
NO_CAPTION = "no caption"  # the reason of an image that is left out for that


def load_folder(path: str, request: Request) -> Dataset:
    """Loads the images in a folder, in the order of their names.

    Args:
        path: path of the folder, from `request.root` where it is relative.
        request: size, channels, split, number and seed. 0 channels give grey images only if all files of the folder
            are grey. With `skip_broken` every file is decoded one extra time, to find those that are damaged.
    Raises:
        InputError: no such folder, no image in it, another layout, captions that do not match the files, or files that
            are not images.
    """
    name, root = f"folder:{path}", _existing(path, request)
    files, left_out, captions = list_files(root)
    return load_files(
        name,
        ImageFiles(
            files,
            left_out,
            captions,
            open=root.joinpath,
            labels=_listed_labels(name, root, files),
            max_pixels=request.max_pixels,
        ),
        request,
    )


def load_files(name: str, files: ImageFiles, request: Request) -> Dataset:
    """Loads the images among the files of a folder or an archive, in the order of their names.

    Args:
        name: name of the set, for messages.
        files: its files.
        request: as for `load_folder`.
    Raises:
        InputError: as `load_folder`.
    """
    found = _usable(name, files, skip_broken=request.skip_broken)
    where = places(name, [*found.probes], depth=request.class_depth)
    beside = dict.fromkeys(found.probes.keys() - where.keys(), _beside(lone_split(found.probes, where)))
    captions, dropped = _captions(name, files, request, [*where], [*found.left_out, *beside])
    left_out = found.left_out | beside | dict.fromkeys(dropped, NO_CAPTION)
    where = {path: place for path, place in where.items() if path not in left_out}
    paths, probes = list(where), {path: found.probes[path] for path in where}
    labels, class_names = _labels(name, where, files.labels)
    chosen = choose(name, request, _in_test(paths, [*where.values()]))
    colourful = sum(not found.grey for found in probes.values())
    if request.channels == 1 and colourful:
        warn_of_grey(name, colourful, len(probes))
    channels = request.channels or (3 if colourful else 1)
    return Dataset(
        name=name,
        split=request.split,
        images=_images(name, files, paths, chosen, (request.size, request.size, channels)),
        labels=labels[chosen] if class_names else None,
        class_names=class_names,
        captions=tuple(captions[paths[i]] for i in chosen) if captions else (),
        whole=len(paths),
        left_out=left_out,
    )


def _existing(path: str, request: Request) -> Path:
    root = (request.root or Path()) / Path(path).expanduser()
    if path and root.is_file() and path.lower().endswith(SUFFIXES):
        raise InputError(f"folder:{path} is an archive. It is read without unpacking: archive:{path}.")
    if not path or not root.is_dir():
        missing = f"does not exist{looked_for(root)}"
        reason = "is no folder" if path and root.exists() else missing if path else "names no folder"
        raise InputError(f"folder:{path} {reason}. Name a folder of images ({FORMAT_NAMES}): folder:PATH.")
    return root


def _listed_labels(name: str, root: Path, paths: list[str]) -> dict[str, str] | None:
    """Reads the classes in a ``dataset.json``; None if there is none."""
    source = root / LABELS
    return parse_labels(name, source.read_bytes(), paths) if source.is_file() else None


def reads_below(spec: str, place: Path) -> bool:
    """Returns whether a spec is of a folder that is, or lies around, this place."""
    source, _, path = spec.partition(":")
    root = Path(path).expanduser().resolve()
    return source == SPEC.name and bool(path) and place.resolve().is_relative_to(root)


class Found(NamedTuple):
    """The images of a folder, and what was left out.

    Attributes:
        probes: {path: what its head says} of the images that can be used.
        left_out: {path: reason}.
    """

    probes: dict[str, Probe]
    left_out: dict[str, str]


def _usable(name: str, files: ImageFiles, *, skip_broken: bool) -> Found:
    """Finds the images of a set by reading the head of each file."""
    probes = {path: files.probe(path) for path in files.paths}
    probes = {path: found for path, found in probes.items() if not (found.problem == UNKNOWN and is_note(path))}
    large = {path: found.problem for path, found in probes.items() if found.problem.startswith(TOO_LARGE)}
    probes = {path: found for path, found in probes.items() if path not in large}
    left_out = files.left_out | large
    problems = {path: found.problem for path, found in probes.items() if found.problem}
    if skip_broken or problems:  # one error counts every broken file, not only those that the heads show
        problems |= _problems(files, [path for path in probes if path not in problems])
    if problems and not skip_broken:
        raise _unusable(name, problems)
    if len(problems) == len(probes):
        reasons = f" that can be used ({counted(problems | left_out)})" if problems or left_out else ""
        raise InputError(f"{name} holds no images{reasons}. Put some into it ({FORMAT_NAMES}).")
    return Found({path: found for path, found in probes.items() if path not in problems}, left_out | problems)


def _beside(split: str) -> str:
    return f"beside {split}/, which is taken for a split (rename it if it is a class)"


def _captions(
    name: str, files: ImageFiles, request: Request, paths: list[str], others: list[str]
) -> tuple[dict[str, str], list[str]]:
    """Returns {path: caption}, {} for a set without captions, and the images that are left out for want of one."""
    captions = read_captions(files.open, name, paths, files.captions, others=others)
    if not captions.kind and files.described:
        captions = Captions({**files.described}, OBJECT, {})
    missing = without_caption(paths, captions)
    how = request.captions
    if not captions.kind or (missing and how == "unneeded"):
        return {}, []
    if missing and (how == "require" or len(missing) == len(paths)):
        raise missing_error(name, paths, missing, captions)
    for line in foreign_lines(name, captions):
        warn_once(line)
    if missing and how == "empty":
        warn_once(f"{missing_line(name, paths, missing, captions)}: theirs is empty")
    texts = {path: captions.texts.get(path, "") for path in paths}
    return texts, missing if how == "drop" else []


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


def _images(
    name: str, files: ImageFiles, paths: list[str], chosen: np.ndarray, shape: tuple[int, int, int]
) -> np.ndarray | LazyImages:
    """Decodes the chosen files if they fit into memory, otherwise when used; an error counts all that are broken."""
    size, _, channels = shape

    def read(i: int) -> np.ndarray:
        try:
            return files.decode(paths[i], size, channels)
        except InputError as error:
            raise _unusable(name, {paths[i]: str(error)} | _problems(files, paths)) from None

    images = LazyImages(read, chosen, (len(chosen), *shape))
    if not images.fits:
        return images
    attempts = _attempts(files, [paths[i] for i in chosen], size, channels)
    if any(isinstance(image, str) for image in attempts.values()):
        raise _unusable(name, _problems(files, paths))
    return np.stack([image for image in attempts.values() if not isinstance(image, str)])


def _problems(files: ImageFiles, paths: list[str]) -> dict[str, str]:
    """Decodes each file and returns the reasons of those that are broken."""
    return {path: reason for path, reason in _attempts(files, paths, 8, 1).items() if isinstance(reason, str)}


def _attempts(files: ImageFiles, paths: list[str], size: int, channels: int) -> dict[str, np.ndarray | str]:
    """Decodes each file to its image, or to the reason why it cannot be decoded.

    In threads, since Pillow releases the interpreter lock while it decodes.
    """

    def attempt(path: str) -> np.ndarray | str:
        try:
            return files.decode(path, size, channels)
        except InputError as error:
            return str(error)

    with ThreadPoolExecutor() as pool:
        return dict(zip(paths, pool.map(attempt, paths), strict=True))


def _unusable(name: str, problems: Mapping[str, str]) -> InputError:
    return InputError(f"{name} has {_listed(problems)}. Repair or remove them, or leave them out with --skip-broken.")


def _listed(problems: Mapping[str, str]) -> str:
    """Formats as ``2 files that are no images: a.png (cut off or damaged), b.txt (unknown format)``."""
    shown = [f"{path} ({reason})" for path, reason in sorted(problems.items())[:SHOWN]]
    more = f" and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    noun = "1 file that is no image" if len(problems) == 1 else f"{len(problems)} files that are no images"
    return f"{noun}: {', '.join(shown)}{more}"


SPEC = Spec(
    name="folder",
    load=load_folder,
    forms=("folder:PATH",),
    summary=(
        "PNG, JPEG, WebP, GIF, BMP, TIFF and AVIF of any size and mode; sub-folders are classes, `train/` and `test/`"
        f" or `val/` are splits; captions are optional: {KINDS}"
    ),
    captions=f"a folder with captions ({KINDS})",
    has_folders=True,
)
