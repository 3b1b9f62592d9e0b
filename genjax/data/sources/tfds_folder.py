"""Where tensorflow-datasets keeps a prepared set: NAME/VERSION or NAME/CONFIG/VERSION, found without importing it."""

import json
import re
from pathlib import Path

from genjax.errors import InputError

INFO = "dataset_info.json"
FORMAT = "array_record"
VERSION = re.compile(r"\d+\.\d+\.\d+")


def find_prepared(spec: str, name: str, base: Path) -> Path:
    """The folder of a prepared set, of its newest version where none is named.

    Args:
        spec: as the user gave it, for messages.
        name: ``NAME``, ``NAME/CONFIG``, and either with ``:VERSION``.
        base: the folder of all prepared sets.
    Raises:
        InputError: none there, one of several configs not named, or another format than array_record.
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
