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
from genjax.data.images import FORMAT_NAMES, UNKNOWN, Probe, decode, probe
from genjax.data.left_out import counted, warn_once
from genjax.data.request import Request, Spec, choose, held_out, warn_of_grey
from genjax.data.sources.folder_captions import (
    KINDS,
    foreign_lines,
    missing_error,
    missing_line,
    read_captions,
    without_caption,
)
from genjax.data.sources.folder_layout import Place, is_note, list_files, lone_split, places
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
    found = _usable(name, root, skip_broken=request.skip_broken)
    where = places(name, [*found.probes], depth=request.class_depth)
    beside = dict.fromkeys(found.probes.keys() - where.keys(), _beside(lone_split(found.probes, where)))
    captions, dropped = _captions(name, root, request, [*where], found, [*found.left_out, *beside])
    left_out = found.left_out | beside | dict.fromkeys(dropped, NO_CAPTION)
    where = {path: place for path, place in where.items() if path not in left_out}
    files, probes = list(where), {path: found.probes[path] for path in where}
    class_names = tuple(sorted({place.label for place in where.values()} - {""}))
    chosen = choose(name, request, _in_test(files, [*where.values()]))
    colourful = sum(not found.grey for found in probes.values())
    if request.channels == 1 and colourful:
        warn_of_grey(name, colourful, len(probes))
    channels = request.channels or (3 if colourful else 1)
    return Dataset(
        name=name,
        split=request.split,
        images=_images(name, root, files, chosen, (request.size, request.size, channels)),
        labels=_labels(class_names, [where[files[i]].label for i in chosen]),
        class_names=class_names,
        captions=tuple(captions[files[i]] for i in chosen) if captions else (),
        whole=len(files),
        left_out=left_out,
    )


def _existing(path: str, request: Request) -> Path:
    root = (request.root or Path()) / Path(path).expanduser()
    if not path or not root.is_dir():
        missing = f"does not exist{looked_for(root)}"
        reason = "is no folder" if path and root.exists() else missing if path else "names no folder"
        raise InputError(f"folder:{path} {reason}. Name a folder of images ({FORMAT_NAMES}): folder:PATH.")
    return root


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
        captions: paths of the files that hold captions.
    """

    probes: dict[str, Probe]
    left_out: dict[str, str]
    captions: list[str]


def _usable(name: str, root: Path, *, skip_broken: bool) -> Found:
    """Finds the images of a folder by reading the head of each file."""
    files, left_out, captions = list_files(root)
    probes = {path: probe(root / path) for path in files}
    probes = {path: found for path, found in probes.items() if not (found.problem == UNKNOWN and is_note(path))}
    problems = {path: found.problem for path, found in probes.items() if found.problem}
    if skip_broken or problems:  # one error counts every broken file, not only those that the heads show
        problems |= _problems(root, [path for path in probes if path not in problems])
    if problems and not skip_broken:
        raise _unusable(name, problems)
    if len(problems) == len(probes):
        reasons = f" that can be used ({counted(problems | left_out)})" if problems or left_out else ""
        raise InputError(f"{name} holds no images{reasons}. Put some into it ({FORMAT_NAMES}).")
    return Found({path: found for path, found in probes.items() if path not in problems}, left_out | problems, captions)


def _beside(split: str) -> str:
    return f"beside {split}/, which is taken for a split (rename it if it is a class)"


def _captions(
    name: str, root: Path, request: Request, files: list[str], found: Found, others: list[str]
) -> tuple[dict[str, str], list[str]]:
    """Returns {path: caption}, {} for a set without captions, and the images that are left out for want of one."""
    captions = read_captions(root, name, files, found.captions, others=others)
    missing = without_caption(files, captions)
    how = request.captions
    if not captions.kind or (missing and how == "unneeded"):
        return {}, []
    if missing and (how == "require" or len(missing) == len(files)):
        raise missing_error(name, files, missing, captions)
    for line in foreign_lines(name, captions):
        warn_once(line)
    if missing and how == "empty":
        warn_once(f"{missing_line(name, files, missing, captions)}: theirs is empty")
    texts = {path: captions.texts.get(path, "") for path in files}
    return texts, missing if how == "drop" else []


def _in_test(files: list[str], where: list[Place]) -> np.ndarray:
    """Marks the held-out images: those in ``test/`` if the folder has it, otherwise a fifth by file name."""
    said = [place.in_test for place in where]
    return held_out(files) if None in said else np.array(said, bool)


def _labels(class_names: tuple[str, ...], labels: list[str]) -> np.ndarray | None:
    numbers = {label: number for number, label in enumerate(class_names)}
    return np.array([numbers[label] for label in labels], np.int32) if class_names else None


def _images(
    name: str, root: Path, files: list[str], chosen: np.ndarray, shape: tuple[int, int, int]
) -> np.ndarray | LazyImages:
    """Decodes the chosen files if they fit into memory, otherwise when used; an error counts all that are broken."""
    size, _, channels = shape

    def read(i: int) -> np.ndarray:
        try:
            return decode(root / files[i], size, channels)
        except InputError as error:
            raise _unusable(name, {files[i]: str(error)} | _problems(root, files)) from None

    images = LazyImages(read, chosen, (len(chosen), *shape))
    if not images.fits:
        return images
    attempts = _attempts(root, [files[i] for i in chosen], size, channels)
    if any(isinstance(image, str) for image in attempts.values()):
        raise _unusable(name, _problems(root, files))
    return np.stack([image for image in attempts.values() if not isinstance(image, str)])


def _problems(root: Path, files: list[str]) -> dict[str, str]:
    """Decodes each file and returns the reasons of those that are broken."""
    return {path: reason for path, reason in _attempts(root, files, 8, 1).items() if isinstance(reason, str)}


def _attempts(root: Path, files: list[str], size: int, channels: int) -> dict[str, np.ndarray | str]:
    """Decodes each file to its image, or to the reason why it cannot be decoded.

    In threads, since Pillow releases the interpreter lock while it decodes.
    """

    def attempt(path: str) -> np.ndarray | str:
        try:
            return decode(root / path, size, channels)
        except InputError as error:
            return str(error)

    with ThreadPoolExecutor() as pool:
        return dict(zip(files, pool.map(attempt, files), strict=True))


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
