"""The source `cifar`: CIFAR-10 and CIFAR-100 in their binary edition, as a folder, an archive or one file.

A record is the label, one byte of CIFAR-10 and two of CIFAR-100 (coarse, fine), and 32x32 pixels of red, green and
blue. ``test_batch.bin`` or ``test.bin`` is held out; of a single file a fifth is. The classes of CIFAR-100 are the fine
ones. The Python edition consists of pickles, which are never opened.

Source: A. Krizhevsky, Learning multiple layers of features from tiny images, 2009.
"""

import posixpath
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genjax.data.dataset import Dataset, LazyImages, decoded, indexed
from genjax.data.images import fit
from genjax.data.request import Request, Spec, choose, held_out, warn_of_grey
from genjax.data.sources.archive_members import SUFFIXES, open_archive, read_member
from genjax.errors import InputError, looked_for

SIDE = 32
PIXELS = 3 * SIDE * SIDE
MOST_BYTES = 1 << 29  # of a file; those of CIFAR have 30 to 154 MB


class Edition(NamedTuple):
    """CIFAR-10 or CIFAR-100.

    Attributes:
        train: pattern of the names of its files to train on.
        test: name of its file that is held out.
        names: file with the names of its classes, a line each.
        label_bytes: bytes of labels in a record, the last of which is the class.
        archive: archive of its binary edition, as it is published.
        pickles: names of the files of its Python edition.
    """

    train: str
    test: str
    names: str
    label_bytes: int
    archive: str
    pickles: tuple[str, ...]


EDITIONS = (
    Edition(
        *(r"data_batch_[0-9]+\.bin", "test_batch.bin", "batches.meta.txt", 1, "cifar-10-binary.tar.gz"),
        pickles=("batches.meta", "test_batch", *(f"data_batch_{number}" for number in range(1, 6))),
    ),
    Edition(
        *(r"train\.bin", "test.bin", "fine_label_names.txt", 2, "cifar-100-binary.tar.gz"),
        pickles=("meta", "train", "test"),
    ),
)


class Part(NamedTuple):
    """A file of the set: images uint8 (n, 32, 32, 3), labels (n,), and whether it is held out."""

    images: np.ndarray
    labels: np.ndarray
    in_test: bool


def load_cifar(path: str, request: Request) -> Dataset:
    """Loads the images of CIFAR-10 or CIFAR-100.

    Args:
        path: path of the folder, the archive or one file, from `request.root` where it is relative.
        request: size, channels (0 means 3), split, number and seed.
    Raises:
        InputError: nothing at that path, the Python edition, a file that is cut off, or labels without a name.
    """
    name, place = f"cifar:{path}", (request.root or Path()) / Path(path).expanduser()
    if not path or not place.exists():
        raise InputError(f"{name} does not exist{looked_for(place) if path else ''}. {_advice()}")
    files = _files(name, place)
    edition = _edition(name, files)
    parts = [
        _part(name, file, files[file](), edition)
        for file in sorted(files, key=lambda file: (file == edition.test, file))
        if re.fullmatch(edition.train, file) or file == edition.test
    ]
    images, labels = (np.concatenate(arrays) for arrays in list(zip(*parts, strict=True))[:2])
    in_test = np.repeat([part.in_test for part in parts], [len(part.images) for part in parts])
    if place.is_file() and len(files) == 1:
        in_test = held_out([str(number) for number in range(len(images))])
    chosen = choose(name, request, in_test)
    channels = request.channels or 3
    if channels == 1:
        warn_of_grey(name, len(chosen), len(chosen))
    numbers, class_names = indexed(labels)
    shape = (len(chosen), request.size, request.size, channels)
    return Dataset(
        name=name,
        split=request.split,
        images=decoded(LazyImages(lambda i: fit(images[i], request.size, channels), chosen, shape)),
        labels=numbers[chosen],
        class_names=_named(name, files, edition, class_names),
        whole=len(images),
    )


def _files(name: str, place: Path) -> dict[str, Callable[[], bytes]]:
    """Finds files by their names, without the folders around them: {name: function that reads it}."""
    if place.is_dir():
        folders = (place, *sorted(folder for folder in place.iterdir() if folder.name.startswith("cifar-")))
        found = [file for folder in folders if folder.is_dir() for file in sorted(folder.iterdir()) if file.is_file()]
        return {file.name: lambda file=file: _content(name, file) for file in reversed(found)}
    if place.is_file() and place.name.lower().endswith(SUFFIXES):
        members = open_archive(name, place)
        return {posixpath.basename(one): lambda one=one: read_member(name, one, members.read) for one in members.names}
    return {place.name: lambda: _content(name, place)}


def _edition(name: str, files: Mapping[str, object]) -> Edition:
    for edition in EDITIONS:
        if any(re.fullmatch(edition.train, file) or file == edition.test for file in files):
            return edition
    for edition in EDITIONS:
        if any(file in edition.pickles for file in files):
            raise InputError(
                f"{name} is the Python edition, whose pickles could run anything and are never opened. Fetch the binary"
                f" edition, {edition.archive}, and name that."
            )
    raise InputError(f"{name} has no data_batch_1.bin and no train.bin in it. {_advice()}")


def _advice() -> str:
    names = " or ".join(edition.archive for edition in EDITIONS)
    return f"Name {names}, or the folder that comes out of it: cifar:PATH."


def _part(name: str, file: str, content: bytes, edition: Edition) -> Part:
    record = edition.label_bytes + PIXELS
    if not content or len(content) % record:
        raise InputError(
            f"{name}: {file} has {len(content):,} bytes, expected a multiple of {record:,}"
            f" ({'label' if edition.label_bytes == 1 else 'two labels'} and 3 x 32 x 32 pixels): cut off or damaged."
            " Fetch it again."
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, record)
    images = records[:, edition.label_bytes :].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return Part(images, records[:, edition.label_bytes - 1].astype(np.int32), file == edition.test)


def _named(
    name: str, files: Mapping[str, Callable[[], bytes]], edition: Edition, numbers: tuple[str, ...]
) -> tuple[str, ...]:
    """Returns the names of the classes where their file is there, otherwise their numbers."""
    if edition.names not in files:
        return numbers
    names = files[edition.names]().decode(errors="replace").split()
    if int(numbers[-1]) >= len(names):
        raise InputError(
            f"{name} has images of class {numbers[-1]}, and {edition.names} names {len(names)}: cut off or damaged."
            " Fetch both again."
        )
    return tuple(names[int(number)] for number in numbers)


def _content(name: str, file: Path) -> bytes:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise InputError(f"{name}: {file.name} is larger than all of CIFAR. Name its own files.")
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{name}: {file.name} cannot be opened ({error.strerror}). Make it readable.") from None


SPEC = Spec(
    name="cifar",
    load=load_cifar,
    forms=("cifar:PATH",),
    summary="CIFAR-10 and CIFAR-100 in their binary edition, a folder or the .tar.gz itself",
)
