"""Sets that tensorflow-datasets has prepared on this machine, read without TensorFlow.

Nothing is fetched: with no network that would try for minutes. Images may be of any size; a set too large for memory
is decoded as it is used. ``tensorflow_datasets`` is the extra ``tfds`` of this package and is imported when called for.
"""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from genjax.data.dataset import Dataset, LazyImages, decoded
from genjax.data.images import decode, fit
from genjax.data.request import Request, choose, held_out
from genjax.data.sources.tfds_folder import find_prepared
from genjax.errors import InputError

HELD_OUT_SPLITS = ("test", "validation")
CHANNELS = (None, 1, 3, 4)  # that an image may be stored with


class Records(NamedTuple):
    """All records of a set, in the order of its splits.

    Attributes:
        read: the record of a number, its image not yet decoded.
        in_test: bool (n,), which are held out.
    """

    read: Callable[[int], dict[str, Any]]
    in_test: np.ndarray


def load_tfds(name: str, request: Request) -> Dataset:
    """The images of a prepared set that a request means; its feature ``image``, and ``label`` if it has one.

    Args:
        name: as tensorflow-datasets writes it: ``mnist``, ``mnist:3.0.1``, ``imagenet_resized/32x32``.
        request: held out is the split ``test``, or ``validation``, or a fifth of ``train`` where neither exists.
            `request.root` is the folder of prepared sets, by default ``TFDS_DATA_DIR`` or ``~/tensorflow_datasets``.
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
    labels, class_names = _labels(features, records, chosen)

    def read(number: int) -> np.ndarray:
        image = records.read(number)["image"]
        if isinstance(image, np.ndarray):
            return fit(image, request.size, channels)
        try:
            return decode(io.BytesIO(image), request.size, channels)
        except InputError as error:
            raise InputError(f"{spec}: image {number} is {error}. Prepare the set again.") from None

    return Dataset(
        name=spec,
        split=request.split,
        images=decoded(LazyImages(read, chosen, (len(chosen), request.size, request.size, channels))),
        labels=labels,
        class_names=class_names,
    )


def _open(spec: str, folder: Path) -> Any:
    """The builder of a prepared set."""
    try:
        import array_record.python  # noqa: F401  (missing, it would show only when the first image is read)
        import tensorflow_datasets
    except ImportError as error:
        raise InputError(
            f'{spec} needs tensorflow-datasets ({error}). Install it: pip install "genjax-images[tfds]".'
        ) from None
    try:
        return tensorflow_datasets.builder_from_directory(str(folder))
    except Exception as error:  # whatever its parsers raise on files that are damaged or of an old version
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
    """Channels of the images as they were stored; None where that differs from one to the next."""
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
    """Labels of the chosen records and the names of the classes; (None, ()) where the set does not tell."""
    class_names = tuple(getattr(features.get("label"), "names", None) or ())
    if not class_names:
        return None, ()
    labels = np.array([records.read(int(number))["label"] for number in chosen], np.int32)
    return (labels, class_names) if labels.min() >= 0 else (None, ())  # -1 stands for kept secret


def _damaged(spec: str, folder: Path, error: Exception) -> InputError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return InputError(f"{spec}: {folder} cannot be read ({reason}). Prepare the set again.")
