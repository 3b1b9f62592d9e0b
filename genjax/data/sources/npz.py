"""The source `npz`: images of any other tool as uint8 arrays in a zip archive, read without executing anything.

The images are in the array ``images`` and labels, if any, in ``labels``; or in ``arr_0`` and ``arr_1``, as
``np.savez(path, images, labels)`` leaves them; or in ``x_train``, ``y_train``, ``x_test`` and ``y_test``, as Keras has
them, of which the latter two are held out; or in the only array there is. They are never resized: metrics would then
measure the resizing as well as the images.
"""

import lzma
import math
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from genjax.data.dataset import Dataset, indexed
from genjax.data.request import SIZES, Request, Spec, choose, held_out, warn_of_grey
from genjax.data.sources.archive_limits import check_expansion
from genjax.errors import InputError, looked_for

DAMAGED = (  # every exception that a damaged file was seen to raise
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),  # by the archive
    *(NotImplementedError, RuntimeError),  # by an unknown compression, or a password
    *(ValueError, TypeError, LookupError, OverflowError, MemoryError, RecursionError, SyntaxError),  # by an array
)


class Names(NamedTuple):
    """Names of arrays: images and labels, and of held-out images and labels where there are any of their own."""

    images: str
    labels: str
    test_images: str = ""
    test_labels: str = ""


NAMES = (Names("images", "labels"), Names("x_train", "y_train", "x_test", "y_test"), Names("arr_0", "arr_1"))


class Content(NamedTuple):
    """The content of an .npz file.

    Attributes:
        images: uint8 (n, height, width, 1 or 3).
        labels: (n,), integers from 0; None without.
        in_test: bool (n,), True for held out; None where the file does not say.
    """

    images: np.ndarray
    labels: np.ndarray | None
    in_test: np.ndarray | None


def load_npz(path: str, request: Request) -> Dataset:
    """Loads the images of an .npz file; a fifth of them is held out if it does not say which.

    Args:
        path: path of the file, from `request.root` where it is relative.
        request: size, which must be that of the images, or 0; channels, split, number and seed.
    Raises:
        InputError: no such file, no images in it, images of another size, or labels that do not match.
    """
    name = f"npz:{path}"
    images, labels, in_test = read_npz((request.root or Path()) / Path(path).expanduser(), name)
    height, width, channels = images.shape[1:]
    if request.size and (height, width) != (request.size, request.size):
        possible = f"Use --size {height}, or resize" if height == width and height in SIZES else "Resize"
        raise InputError(
            f"{name} holds images of {height}x{width}, expected {request.size}x{request.size}."
            f" {possible} them before: written as PNG files, folder:PATH resizes them."
        )
    in_test = held_out([str(index) for index in range(len(images))]) if in_test is None else in_test
    chosen = choose(name, request, in_test)
    whole, images = len(images), images[chosen]
    if request.channels not in (0, channels):
        images = _with_channels(name, images, request.channels)
    labels, class_names = (None, ()) if labels is None else indexed(labels)
    return Dataset(
        name=name,
        split=request.split,
        images=images,
        labels=None if labels is None else labels[chosen],
        class_names=class_names,
        whole=whole,
    )


def _with_channels(name: str, images: np.ndarray, channels: int) -> np.ndarray:
    """Returns images (n, height, width, 1 or 3) as grey by luma, with a warning where they have colour, or repeated."""
    if channels == 3:
        return np.repeat(images, 3, axis=-1)
    colourful = int((images != images[..., :1]).any(axis=(1, 2, 3)).sum())
    if colourful:
        warn_of_grey(name, colourful, len(images))
    return np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in images])[..., None]


def read_npz(path: Path, name: str) -> Content:
    """Reads the arrays of an .npz file as they are.

    Args:
        path: path of the file.
        name: name of the set, for messages.
    Raises:
        InputError: no such file, or no images in it.
    """
    try:
        with zipfile.ZipFile(path) as archive:  # numpy's own reader leaves the file open where it is damaged
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            members = {key: member for key, member in members.items() if member.filename.endswith(".npy")}
            check_expansion(
                name, packed=path.stat().st_size, unpacked=sum(member.file_size for member in members.values())
            )
            names = _names(name, members)
            arrays = {key: _read_array(name, archive, members[key]) for key in names if key in members}
    except FileNotFoundError:
        raise InputError(f"{name} does not exist{looked_for(path)}. Name an .npz file of images: npz:PATH.") from None
    except InputError:
        raise
    except DAMAGED as error:
        raise InputError(f"{name} cannot be read as .npz ({error}). Write it again with np.savez.") from None
    train = _pair(name, arrays, names.images, names.labels)
    if names.test_images not in arrays:
        return Content(*train, None)
    return _joined(name, train, _pair(name, arrays, names.test_images, names.test_labels))


def _names(name: str, there: Collection[str]) -> Names:
    """Finds which arrays are images and labels, by their names."""
    known = next((names for names in NAMES if names.images in there), None)
    if known is None and len(there) != 1:
        raise InputError(
            f"{name} holds no array 'images' but {sorted(there) or 'nothing'}. Name it so: images=... (or x_train, or"
            " arr_0)."
        )
    return known or Names(next(iter(there)), "")


def _pair(name: str, arrays: Mapping[str, np.ndarray], key: str, labels: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns checked images and labels."""
    images = arrays[key]
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape:
        raise InputError(
            f"the images of {name} ({key}) are {images.dtype} {images.shape},"
            " expected uint8 (n, height, width, 1 or 3)."
        )
    return images, _labels(arrays.get(labels), len(images), name)


def _joined(
    name: str, train: tuple[np.ndarray, np.ndarray | None], test: tuple[np.ndarray, np.ndarray | None]
) -> Content:
    """Puts the images to train on and those held out behind one another."""
    if train[0].shape[1:] != test[0].shape[1:]:
        raise InputError(
            f"{name} has images {train[0].shape[1:]} to train on and {test[0].shape[1:]} held out. Give all of them one"
            " height, width and number of channels."
        )
    if (train[1] is None) != (test[1] is None):
        raise InputError(f"{name} has labels for one of x_train and x_test only. Add y_train and y_test, or neither.")
    labels = None if train[1] is None or test[1] is None else np.concatenate([train[1], test[1]])
    in_test = np.arange(len(train[0]) + len(test[0])) >= len(train[0])
    return Content(np.concatenate([train[0], test[0]]), labels, in_test)


def _read_array(name: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """Reads one array, after checking its header against the archive: numpy allocates what the header states."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        head = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, _, dtype = head(file)
        if dtype.hasobject:
            raise _of_objects(name, member.filename.removesuffix(".npy"))
        if math.prod(shape) * dtype.itemsize != member.file_size - file.tell():
            raise ValueError(f"{member.filename} is {dtype} {shape} and holds {member.file_size} bytes")
    with archive.open(member) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _of_objects(name: str, key: str) -> InputError:
    labels = key in {label for names in NAMES for label in (names.labels, names.test_labels)}
    plain = f"np.array(list({key}), np.int64)" if labels else f"np.stack(list({key})).astype(np.uint8)"
    return InputError(
        f"{name} cannot be read as .npz: its array {key!r} holds Python objects, pickles, which are never opened. Save"
        f" it as numbers: np.savez(path, {key}={plain}, ...)."
    )


def _labels(labels: np.ndarray | None, n: int, name: str) -> np.ndarray | None:
    if labels is None:
        return None
    if labels.shape == (n, 1):  # as Keras has those of CIFAR
        labels = labels[:, 0]
    if labels.shape != (n,) or not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise InputError(f"the labels of {name} are {labels.dtype} {labels.shape}, expected {n} integers from 0.")
    return labels


SPEC = Spec(
    name="npz",
    load=load_npz,
    forms=("npz:PATH",),
    summary=(
        "uint8 images from any other tool, in the array `images`, `arr_0` or `x_train`; labels in `labels`, `arr_1` or"
        " `y_train`; `x_test` is held out"
    ),
    keeps_size=True,
)
