"""A folder of PNG, JPEG or WebP files of any size and mode; folders in it, if any, are classes.

Layouts: images in the folder itself, or all of them in folders named after their classes. The same one level deeper
in ``train/`` and ``test/`` fixes what is held out; otherwise a fifth is, by the files' names. An optional
``captions.jsonl`` has one ``{"file": "a.png", "caption": "..."}`` a line. What a file holds decides, not its suffix.
"""

import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np

from genjax.data.dataset import Dataset, LazyImages
from genjax.data.images import Probe, decode, probe
from genjax.data.request import Request, choose, held_out
from genjax.data.sources.folder_layout import Place, list_files, places, read_captions
from genjax.errors import InputError

SHOWN = 20  # files named in a message, of however many


def load_folder(path: str, request: Request) -> Dataset:
    """The images in a folder that a request means, in the order of their names.

    Args:
        path: of the folder, from `request.root` where it is relative.
        request: 0 channels mean grey images only where all files of the folder are grey. To skip what is broken,
            every file is decoded once more.
    Raises:
        InputError: no such folder, no image in it, another layout, captions that do not fit, or files that are no
            images.
    """
    name, root = f"folder:{path}", _existing(path, request)
    probes = _usable(name, root, skip_broken=request.skip_broken)
    files = list(probes)
    where = places(name, files)
    captions = read_captions(root, name, files)
    class_names = tuple(sorted({place.label for place in where} - {""}))
    chosen = choose(name, request, _in_test(files, where))
    colourful = sum(not found.grey for found in probes.values())
    if request.channels == 1 and colourful:
        _warn_once(f"{name}: {colourful} of {len(probes)} images are in colour, and are read as grey (1 channel)")
    channels = request.channels or (3 if colourful else 1)
    return Dataset(
        name=name,
        split=request.split,
        images=_images(name, root, [files[i] for i in chosen], request.size, channels),
        labels=np.array([class_names.index(where[i].label) for i in chosen], np.int32) if class_names else None,
        class_names=class_names,
        captions=tuple(captions[files[i]] for i in chosen) if captions else (),
    )


def _existing(path: str, request: Request) -> Path:
    root = (request.root or Path()) / Path(path).expanduser()
    if not path or not root.is_dir():
        reason = "is no folder" if path and root.exists() else "does not exist" if path else "names no folder"
        raise InputError(f"folder:{path} {reason}. Name a folder of PNG, JPEG or WebP files: folder:PATH.")
    return root


def _usable(name: str, root: Path, *, skip_broken: bool) -> dict[str, Probe]:
    """The images of a folder, and what their heads say."""
    probes = {path: probe(root / path) for path in list_files(root)}
    problems = {path: found.problem for path, found in probes.items() if found.problem}
    if skip_broken or problems:  # whoever is stopped is told of all at once
        heads = [path for path in probes if path not in problems]
        problems |= {path: reason for path, reason in _attempts(root, heads, 8, 1).items() if isinstance(reason, str)}
    if problems and not skip_broken:
        raise _unusable(name, problems)
    if problems:
        _warn_once(f"{name}: left out {_listed(problems)}")
    if len(problems) == len(probes):
        raise InputError(f"{name} holds no images. Put PNG, JPEG or WebP files into it.")
    return {path: found for path, found in probes.items() if path not in problems}


@lru_cache(maxsize=64)
def _warn_once(line: str) -> None:
    """A run reads its folder more than once: to train, to be judged along training, for its report."""
    warnings.warn(line, stacklevel=5)


def _in_test(files: list[str], where: list[Place]) -> np.ndarray:
    """Whether each image is held out: as the folder says, or else by the names of its files."""
    said = [place.in_test for place in where]
    return held_out(files) if None in said else np.array(said, bool)


def _images(name: str, root: Path, files: list[str], size: int, channels: int) -> np.ndarray | LazyImages:
    """All images at once where they fit into memory; all that are broken are then named together."""

    def read(i: int) -> np.ndarray:
        try:
            return decode(root / files[i], size, channels)
        except InputError as error:
            raise _unusable(name, {files[i]: str(error)}) from None

    images = LazyImages(read, np.arange(len(files)), (len(files), size, size, channels))
    if not images.fits:
        return images
    attempts = _attempts(root, files, size, channels)
    problems = {path: reason for path, reason in attempts.items() if isinstance(reason, str)}
    if problems:
        raise _unusable(name, problems)
    return np.stack([image for image in attempts.values() if not isinstance(image, str)])


def _attempts(root: Path, files: list[str], size: int, channels: int) -> dict[str, np.ndarray | str]:
    """Each image, or why it cannot be decoded. In threads: Pillow leaves the interpreter to others meanwhile."""

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
    """``2 files that are no images: a.png (cut off or damaged), b.txt (no PNG, JPEG or WebP)``."""
    shown = [f"{path} ({reason})" for path, reason in sorted(problems.items())[:SHOWN]]
    more = f" and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    noun = "1 file that is no image" if len(problems) == 1 else f"{len(problems)} files that are no images"
    return f"{noun}: {', '.join(shown)}{more}"
