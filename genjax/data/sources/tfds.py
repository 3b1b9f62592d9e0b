"""The source `tfds`: sets that tensorflow-datasets has prepared on this machine, read without TensorFlow.

Nothing is downloaded: without a network that would retry for minutes. Images may be of any size; a set too large for
memory is decoded as it is used. ``tensorflow_datasets``, the extra ``tfds`` of this package, is imported on first use.
A prepared set lies in NAME/VERSION or NAME/CONFIG/VERSION, which is found without that import.
"""

import io
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from genjax.data.dataset import Dataset, LazyImages, decoded
from genjax.data.images import decode, fit
from genjax.data.request import Request, Spec, choose, held_out, warn_of_grey
from genjax.errors import InputError

HELD_OUT_SPLITS = ("test", "validation")
CHANNELS = (None, 1, 3, 4)  # accepted numbers of stored channels; None differs between images
INFO = "dataset_info.json"
FORMAT = "array_record"
VERSION = re.compile(r"\d+\.\d+\.\d+")


class Records(NamedTuple):
    """The records of all splits, numbered from 0.

    Attributes:
        read: function number -> record, its image not yet decoded.
        in_test: bool (n,), True for held out.
    """

    read: Callable[[int], dict[str, Any]]
    in_test: np.ndarray


def load_tfds(name: str, request: Request) -> Dataset:
    """Loads a prepared set: its feature ``image``, and ``label`` if it has one.

    Args:
        name: name in tensorflow-datasets' form: ``mnist``, ``mnist:3.0.1``, ``imagenet_resized/32x32``.
        request: size, channels, split, number and seed. The held-out images are the split ``test``, else
            ``validation``, else a fifth of ``train``. `request.root` is the folder of prepared sets, by default
            ``TFDS_DATA_DIR`` or ``~/tensorflow_datasets``.
    Raises:
        InputError: not prepared, not in the format array_record, not installed, damaged, or without uint8 images.
    """
    spec = f"tfds:{name}"
    base = request.root or Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets")
    folder = find_prepared(spec, name, base.expanduser())
    builder = _open(spec, folder)
    features, records = dict(builder.info.features.items()), _records(spec, folder, builder)
    stored = _stored_channels(spec, features)
    chosen = choose(spec, request, records.in_test)
    channels = request.channels or (1 if stored == 1 else 3)
    if channels == 1 and stored not in (1, None):
        warn_of_grey(spec, len(chosen), len(chosen))
    labels, class_names = _labels(features, records, chosen)

    def read(number: int) -> np.ndarray:
        image = records.read(number)["image"]
        if isinstance(image, np.ndarray):
            return fit(image, request.size, channels)
        try:
            return decode(io.BytesIO(image), request.size, channels, max_pixels=request.max_pixels)
        except InputError as error:
            raise InputError(f"{spec}: image {number} is {error}. Prepare the set again.") from None

    return Dataset(
        name=spec,
        split=request.split,
        images=decoded(LazyImages(read, chosen, (len(chosen), request.size, request.size, channels))),
        labels=labels,
        class_names=class_names,
    )


def find_prepared(spec: str, name: str, base: Path) -> Path:
    """Finds the folder of a prepared set, of its newest version if none is named.

    Args:
        spec: text that the user gave, for messages.
        name: ``NAME`` or ``NAME/CONFIG``, either with ``:VERSION``.
        base: folder of all prepared sets.
    Raises:
        InputError: no such set, several configs of which none is named, or another format than array_record.
    """
    path, _, version = name.partition(":")
    if not path or ".." in Path(path).parts or Path(path).is_absolute():
        raise InputError(f"{spec} names no set. Expected tfds:NAME, such as tfds:mnist.")
    found = [info.parent for pattern in ("*", "*/*") for info in sorted((base / path).glob(f"{pattern}/{INFO}"))]
    folders = [folder for folder in found if VERSION.fullmatch(folder.name) and version in ("", folder.name)]
    if not folders:
        raise InputError(
            f"{spec} is not prepared in {base}. Where TensorFlow is installed, run: tfds build {path}"
            f" --file_format={FORMAT}; then set TFDS_DATA_DIR to the folder that holds it."
        )
    configs = sorted({folder.parent.name for folder in folders if folder.parent != base / path})
    if len(configs) > 1:
        raise InputError(
            f"{spec} has several configs: {', '.join(configs)}. Name one, such as tfds:{path}/{configs[0]}."
        )
    newest = max(folders, key=lambda folder: tuple(map(int, folder.name.split("."))))
    _check_format(spec, path, newest)
    return newest


def _check_format(spec: str, path: str, folder: Path) -> None:
    try:
        stored = json.loads((folder / INFO).read_text(encoding="utf-8")).get("fileFormat", "tfrecord")
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(f"{spec}: {folder / INFO} cannot be read ({error}). Prepare the set again.") from None
    if stored != FORMAT:
        raise InputError(
            f"{spec} was prepared as {stored}, which needs TensorFlow to read."
            f" Prepare it anew: tfds build {path} --file_format={FORMAT}."
        )


def _open(spec: str, folder: Path) -> Any:
    """Opens the builder of a prepared set."""
    try:
        import array_record.python  # noqa: F401  (missing, it would show only when the first image is read)
        import tensorflow_datasets
    except ImportError as error:
        raise InputError(
            f'{spec} needs tensorflow-datasets ({error}). Install it: pip install "genjax-images[tfds]".'
        ) from None
    try:
        return tensorflow_datasets.builder_from_directory(str(folder))
    except Exception as error:  # its parsers raise anything on files that are damaged or of an old version
        raise _damaged(spec, folder, error) from None


def _records(spec: str, folder: Path, builder: Any) -> Records:
    from tensorflow_datasets import decode as decoders

    splits = builder.info.splits
    test = next((split for split in HELD_OUT_SPLITS if split in splits), None)
    if "train" not in splits:
        raise InputError(f"{spec} has no split 'train' (it has {', '.join(splits) or 'none'}). Name another set.")
    names = ["train", test] if test else ["train"]
    sources = [builder.as_data_source(name, decoders={"image": decoders.SkipDecoding()}) for name in names]
    train = len(sources[0])

    def read(number: int) -> dict[str, Any]:
        source, offset = (sources[0], 0) if number < train else (sources[1], train)
        try:
            return source[number - offset]
        except (RuntimeError, ValueError, OSError) as error:
            raise _damaged(spec, folder, error) from None

    if not test:
        return Records(read, held_out([str(i) for i in range(train)]))
    return Records(read, np.arange(train + len(sources[1])) >= train)


def _stored_channels(spec: str, features: dict[str, Any]) -> int | None:
    """Reads the number of stored channels; None if it differs between images."""
    image = features.get("image")
    if image is None or image.np_dtype != np.uint8 or len(image.shape) != 3 or image.shape[-1] not in CHANNELS:
        raise InputError(
            f"{spec} has no feature 'image' of uint8 (height, width, channels); it has {', '.join(features)}."
            " Name a set of images."
        )
    return image.shape[-1]


def _labels(
    features: dict[str, Any], records: Records, chosen: np.ndarray
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Reads the labels of the chosen records and the names of the classes; (None, ()) if the set has none."""
    class_names = tuple(getattr(features.get("label"), "names", None) or ())
    if not class_names:
        return None, ()
    labels = np.array([records.read(int(number))["label"] for number in chosen], np.int32)
    return (labels, class_names) if labels.min() >= 0 else (None, ())  # -1 marks a label that is not published


def _damaged(spec: str, folder: Path, error: Exception) -> InputError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return InputError(f"{spec}: {folder} cannot be read ({reason}). Prepare the set again.")


SPEC = Spec(
    name="tfds",
    load=load_tfds,
    forms=("tfds:NAME",),
    summary="a prepared set of TensorFlow Datasets, read without TensorFlow",
    extra="tfds",
)
