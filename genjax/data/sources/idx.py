"""The source `idx`: the file format of MNIST, plain or compressed by gzip.

A folder holds ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte`` and two files that begin with ``t10k`` instead
(held out), each with or without ``.gz``; before ``idx`` a dot is accepted for the hyphen, and each may lie in a folder
of its own name, as Kaggle packs them. A single file of images has no labels, and a fifth of it is held out.

Source: Y. LeCun, C. Cortes, C. Burges, the MNIST database, 1998.
"""

import gzip
import io
import math
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genjax.data.dataset import Dataset, LazyImages, decoded, indexed
from genjax.data.images import fit
from genjax.data.request import Request, Spec, choose, held_out
from genjax.data.sources.archive_limits import check_expansion, limit
from genjax.errors import InputError, looked_for

UNSIGNED_BYTE = 8  # type code of the values; images and labels have no other
GZIP_MAGIC = b"\x1f\x8b"
PARTS = {"train": ("train",), "test": ("t10k", "test")}


class Content(NamedTuple):
    """The whole set: images uint8 (n, rows, columns), labels int32 (n,) or None, `in_test` bool (n,) for held out."""

    images: np.ndarray
    labels: np.ndarray | None
    in_test: np.ndarray


def load_idx(path: str, request: Request) -> Dataset:
    """Loads the images of an idx file or of a folder of idx files.

    Args:
        path: path of the file or folder, from `request.root` where it is relative.
        request: size, channels (0 means 1), split, number and seed.
    Raises:
        InputError: nothing at that path, a file that is cut off or of another format, or labels that do not match.
    """
    name, place = f"idx:{path}", (request.root or Path()) / Path(path).expanduser()
    if not path or not place.exists():
        missing = f"{name} does not exist{looked_for(place) if path else ''}"
        raise InputError(f"{missing}. Name a folder of idx files, or one file of images: idx:PATH.")
    content = _read_folder(name, place) if place.is_dir() else _read_file(name, place)
    chosen = choose(name, request, content.in_test)
    channels = request.channels or 1
    shape = (len(chosen), request.size, request.size, channels)
    images = LazyImages(lambda i: fit(content.images[i], request.size, channels), chosen, shape)
    labels, class_names = (None, ()) if content.labels is None else indexed(content.labels)
    return Dataset(
        name=name,
        split=request.split,
        images=decoded(images),
        labels=None if labels is None else labels[chosen],
        class_names=class_names,
        whole=len(content.in_test),
    )


def read_idx(path: Path, *, dimensions: int) -> np.ndarray:
    """Reads an idx file of unsigned bytes.

    Args:
        path: path of the file, plain or compressed.
        dimensions: 3 for images (n, rows, columns), 1 for labels (n,).
    Returns:
        uint8 array in the shape that the file states, read-only.
    Raises:
        InputError: another magic number, or fewer or more values than stated.
    """
    content = _bytes(path)
    magic = bytes([0, 0, UNSIGNED_BYTE, dimensions])
    if content[:4] != magic:
        kind = {1: "labels", 3: "images"}[dimensions]
        raise InputError(
            f"{path} begins with {content[:4].hex() or 'nothing'}, expected {magic.hex()} for idx {kind}."
            " Name an idx file of unsigned bytes."
        )
    head = 4 + 4 * dimensions
    shape = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, head, 4))
    stated, found = math.prod(shape), max(0, len(content) - head)
    if len(content) < head or stated != found or not stated:
        raise InputError(
            f"{path} states {' x '.join(map(str, shape))} values and holds {found}: cut off or damaged. Fetch it again."
        )
    return np.frombuffer(content, np.uint8, offset=head).reshape(shape)


def _read_folder(name: str, folder: Path) -> Content:
    found = {split: _files(name, folder, split) for split in PARTS}
    if not any(found.values()):
        raise InputError(f"{name} has no train-images-idx3-ubyte (or .gz) in it. Name the folder that has.")
    parts = {split: _read_pair(*files) for split, files in found.items() if files}
    labels = [labels for _, labels in parts.values()]
    images = [images for images, _ in parts.values()]
    if len({part.shape[1:] for part in images}) > 1:
        raise InputError(f"{name}: images for training and held out differ in size. Fetch both from one source.")
    in_test = [np.full(len(images), split == "test") for split, (images, _) in parts.items()]
    return Content(np.concatenate(images), np.concatenate(labels), np.concatenate(in_test))


def _read_file(name: str, path: Path) -> Content:
    images = read_idx(path, dimensions=3)
    return Content(images, None, held_out([str(i) for i in range(len(images))]))


def _read_pair(images_path: Path, labels_path: Path) -> tuple[np.ndarray, np.ndarray]:
    images, labels = read_idx(images_path, dimensions=3), read_idx(labels_path, dimensions=1)
    if len(images) != len(labels):
        raise InputError(
            f"{labels_path} has {len(labels)} labels for {len(images)} images. Fetch both from one source."
        )
    return images, labels.astype(np.int32)


def _files(name: str, folder: Path, split: str) -> tuple[Path, Path] | None:
    """Finds the files of images and labels of a split; None if it has no images."""
    images = _first(folder, split, "images", 3)
    if images is None:
        return None
    labels = _first(folder, split, "labels", 1)
    if labels is None:
        raise InputError(f"{name} has {images.name} without its labels. Add them, or name that file: idx:{images}.")
    return images, labels


def _first(folder: Path, split: str, kind: str, dimensions: int) -> Path | None:
    names = (
        f"{prefix}-{kind}{separator}idx{dimensions}-ubyte{suffix}"
        for prefix in PARTS[split]
        for separator in "-."
        for suffix in ("", ".gz")
    )
    places = (folder / place for name in names for place in (name, f"{name}/{name}"))
    return next((place for place in places if place.is_file()), None)


def _bytes(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        if not content.startswith(GZIP_MAGIC):
            return content
        with gzip.open(io.BytesIO(content)) as file:
            unpacked = file.read(limit(len(content)) + 1)
        check_expansion(str(path), packed=len(content), unpacked=len(unpacked))
        return unpacked
    except InputError:
        raise
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read ({error}). Fetch it again.") from None


SPEC = Spec(
    name="idx",
    load=load_idx,
    forms=("idx:PATH",),
    summary="the file format of MNIST",
)
