"""An .npz of images from any other tool: uint8 arrays in a zip archive, read without executing anything.

The images are in the array ``images``, or in the only array there is; labels, if any, in ``labels``. They are taken as
they are, never resized: a set whose size differs from the one it is compared with would be judged for that.
"""

import lzma
import math
import zipfile
import zlib
from pathlib import Path

import numpy as np

from genjax.data.dataset import Dataset
from genjax.data.images import fit
from genjax.data.request import Request, choose, held_out
from genjax.data.sources.archive_limits import check_expansion
from genjax.errors import InputError

MOST_CLASSES = 1 << 16
DAMAGED = (
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),  # of archives
    *(NotImplementedError, RuntimeError),  # of those that are packed or locked in another way
    *(ValueError, TypeError, LookupError, OverflowError, MemoryError, RecursionError, SyntaxError),  # of arrays
)


def load_npz(path: str, request: Request) -> Dataset:
    """The images of an .npz file that a request means; a fifth of them is held out.

    Raises:
        InputError: no such file, no images in it, images of another size, or labels that do not fit.
    """
    name = f"npz:{path}"
    images, labels = read_npz((request.root or Path()) / Path(path).expanduser(), name)
    height, width, channels = images.shape[1:]
    if (height, width) != (request.size, request.size):
        raise InputError(
            f"{name} holds images of {height}x{width}, expected {request.size}x{request.size}."
            f" Use --size {height} on both sides, or resize them before."
        )
    chosen = choose(name, request, held_out([str(index) for index in range(len(images))]))
    images = images[chosen]
    if request.channels not in (0, channels):
        images = np.stack([fit(image, request.size, request.channels) for image in images])
    classes = 0 if labels is None else int(labels.max()) + 1
    return Dataset(
        name=name,
        split=request.split,
        images=images,
        labels=None if labels is None else labels[chosen],
        class_names=tuple(str(label) for label in range(classes)),
    )


def read_npz(path: Path, name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Images uint8 (n, height, width, 1 or 3) and labels int32 (n,) or None, as they are in the file.

    Raises:
        InputError: no such file, or nothing in it that is images.
    """
    try:
        with zipfile.ZipFile(path) as archive:  # numpy's own reader leaves the file open where it is damaged
            members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
            unpacked = sum(member.file_size for member in members)
            check_expansion(name, packed=path.stat().st_size, unpacked=unpacked)
            arrays = {member.filename.removesuffix(".npy"): _read_array(archive, member) for member in members}
    except FileNotFoundError:
        raise InputError(f"{name} does not exist. Name an .npz file of images: npz:PATH.") from None
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
    """An array whose head says what the archive holds: memory is taken by the head's word."""
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
    if labels.max() >= MOST_CLASSES:
        raise InputError(f"the labels of {name} go up to {labels.max()}, expected less than {MOST_CLASSES:,}.")
    return labels.astype(np.int32)
