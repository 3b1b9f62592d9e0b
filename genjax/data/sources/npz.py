"""The source `npz`: images of any other tool as uint8 arrays in a zip archive, read without executing anything.

The images are in the array ``images``, or in the only array there is; labels, if any, in ``labels``. They are never
resized: metrics would then measure the resizing as well as the images.
"""

import lzma
import math
import zipfile
import zlib
from pathlib import Path

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


def load_npz(path: str, request: Request) -> Dataset:
    """Loads the images of an .npz file; a fifth of them is held out.

    Args:
        path: path of the file, from `request.root` where it is relative.
        request: size, which must be that of the images, or 0; channels, split, number and seed.
    Raises:
        InputError: no such file, no images in it, images of another size, or labels that do not match.
    """
    name = f"npz:{path}"
    images, labels = read_npz((request.root or Path()) / Path(path).expanduser(), name)
    height, width, channels = images.shape[1:]
    if request.size and (height, width) != (request.size, request.size):
        possible = f"Use --size {height}, or resize" if height == width and height in SIZES else "Resize"
        raise InputError(
            f"{name} holds images of {height}x{width}, expected {request.size}x{request.size}."
            f" {possible} them before: written as PNG files, folder:PATH resizes them."
        )
    chosen = choose(name, request, held_out([str(index) for index in range(len(images))]))
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


def read_npz(path: Path, name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Reads the arrays of an .npz file as they are.

    Args:
        path: path of the file.
        name: name of the set, for messages.
    Returns:
        Images uint8 (n, height, width, 1 or 3), and labels (n,), integers from 0, or None.
    Raises:
        InputError: no such file, or no images in it.
    """
    try:
        with zipfile.ZipFile(path) as archive:  # numpy's own reader leaves the file open where it is damaged
            members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
            unpacked = sum(member.file_size for member in members)
            check_expansion(name, packed=path.stat().st_size, unpacked=unpacked)
            arrays = {member.filename.removesuffix(".npy"): _read_array(archive, member) for member in members}
    except FileNotFoundError:
        raise InputError(f"{name} does not exist{looked_for(path)}. Name an .npz file of images: npz:PATH.") from None
    except InputError:
        raise
    except DAMAGED as error:
        raise InputError(f"{name} cannot be read as .npz ({error}). Write it again with np.savez.") from None
    images = arrays.get("images", next(iter(arrays.values()), None) if len(arrays) == 1 else None)
    if images is None:
        raise InputError(f"{name} holds no array 'images' but {sorted(arrays) or 'nothing'}. Name it so: images=...")
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape:
        raise InputError(
            f"the images of {name} are {images.dtype} {images.shape}, expected uint8 (n, height, width, 1 or 3)."
        )
    return images, _labels(arrays.get("labels"), len(images), name)


def _read_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """Reads one array, after checking its header against the archive: numpy allocates what the header states."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        head = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, _, dtype = head(file)
        if math.prod(shape) * dtype.itemsize != member.file_size - file.tell():
            raise ValueError(f"{member.filename} is {dtype} {shape} and holds {member.file_size} bytes")
    with archive.open(member) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _labels(labels: np.ndarray | None, n: int, name: str) -> np.ndarray | None:
    if labels is None:
        return None
    if labels.shape != (n,) or not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise InputError(f"the labels of {name} are {labels.dtype} {labels.shape}, expected {n} integers from 0.")
    return labels


SPEC = Spec(
    name="npz",
    load=load_npz,
    forms=("npz:PATH",),
    summary="uint8 images from any other tool, in the array `images`",
    keeps_size=True,
)
