"""Classes and captions in files beside images: .cls and .json of WebDataset, and dataset.json of StyleGAN.

A WebDataset is a .tar in which ``000001.cls`` holds the class of ``000001.png``, ``000001.txt`` its caption (as in a
folder: `folder_captions`), and ``000001.json`` both, as ``{"label": 3, "caption": "a red fox"}``. StyleGAN2-ADA's
dataset_tool writes ``{"labels": [["00000/img00000000.png", 6], ...]}`` into ``dataset.json``, or null for the list.
"""

import json
import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

from genjax.data.sources.archive_members import read_member
from genjax.data.sources.folder_layout import LABELS, is_note
from genjax.errors import InputError

CLASS, OBJECT = ".cls", ".json"
SUFFIXES = (CLASS, OBJECT)
LABEL_KEYS, CAPTION_KEYS = ("label", "cls", "class"), ("caption", "text")
LONGEST = 1 << 20  # bytes of such a file: a caption is a few sentences
ALONE = "no image beside it"


class Beside(NamedTuple):
    """The classes and captions that files beside images give them.

    Attributes:
        labels: {path of the image: its class}; of all, of some, or of none.
        captions: {path of the image: its caption}.
    """

    labels: dict[str, str]
    captions: dict[str, str]


def find_sidecars(paths: Collection[str]) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Finds the files that belong to an image, and those that would and have none.

    Args:
        paths: paths of all files.
    Returns:
        ({path of an image: {suffix: path of the file beside it}}, paths of files without an image).
    """
    images: dict[str, list[str]] = {}
    for path in paths:
        if _suffix(path) not in SUFFIXES:
            images.setdefault(posixpath.splitext(path)[0], []).append(path)
    found: dict[str, dict[str, str]] = {}
    alone: list[str] = []
    for path in paths:
        if _suffix(path) in SUFFIXES:
            owners = images.get(posixpath.splitext(path)[0], [])
            for owner in owners:
                found.setdefault(owner, {})[_suffix(path)] = path
            alone += [] if owners or is_note(path) else [path]
    return found, alone


def read_sidecars(name: str, sidecars: Mapping[str, Mapping[str, str]], read: Callable[[str], bytes]) -> Beside:
    """Reads classes and captions beside images; a .cls goes before a .json.

    Args:
        name: name of the set, for messages.
        sidecars: {path of an image: {suffix: path of the file beside it}}.
        read: function path -> content.
    Raises:
        InputError: a file that is no text, or no JSON.
    """
    labels: dict[str, str] = {}
    captions: dict[str, str] = {}
    for image, files in sidecars.items():
        texts = {suffix: _text(name, path, read) for suffix, path in files.items()}
        about = _parsed(name, files[OBJECT], texts[OBJECT]) if OBJECT in files else {}
        label = _one_line(texts[CLASS]) if CLASS in texts else _first(about, LABEL_KEYS, int)
        caption = _first(about, CAPTION_KEYS, str)
        labels |= {} if label is None else {image: label}
        captions |= {} if caption is None else {image: caption}
    return Beside(labels, captions)


def parse_labels(name: str, content: bytes, paths: Iterable[str]) -> dict[str, str]:
    """Reads the classes in a ``dataset.json``.

    Args:
        name: name of the set, for messages.
        content: content of the file.
        paths: paths of the files of the set.
    Returns:
        {path: class} of those files that it names; {} if it has no classes.
    Raises:
        InputError: another form, or a class that is no number from 0.
    """
    said = _parsed(name, LABELS, content.decode(errors="replace"))
    pairs = said.get("labels", 0) if isinstance(said, dict) else 0
    try:
        labels = dict(pairs or {}) if pairs != 0 else None
    except (TypeError, ValueError):
        labels = None
    if labels is None:
        raise InputError(
            f'{name}: {LABELS} is not of the form {{"labels": [["a.png", 6], ...]}}. Correct or remove it.'
        )
    wrong = next((label for label in labels.values() if not _is_number(label) or label < 0), None)
    if wrong is not None:
        raise InputError(f"{name}: {LABELS} has the class {wrong!r}, expected numbers from 0. Correct or remove it.")
    spelled = {posixpath.normpath(str(path).replace("\\", "/")): str(label) for path, label in labels.items()}
    return {path: spelled[path] for path in paths if path in spelled}


def _suffix(path: str) -> str:
    return posixpath.splitext(path)[1].lower()


def _text(name: str, path: str, read: Callable[[str], bytes]) -> str:
    content = read_member(name, path, read)
    if len(content) > LONGEST:
        raise InputError(f"{name}: {path} is longer than {LONGEST:,} bytes: no class or caption. Remove it.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{name}: {path} is not UTF-8. Save it as UTF-8.") from None


def _parsed(name: str, path: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InputError(f"{name}: {path} is no JSON. Correct or remove it.") from None


def _first(about: Any, keys: Iterable[str], plain: type) -> str | None:
    """Returns the first of these keys, or the whole value if that is of the plain type, as text; None without."""
    values = [about.get(key) for key in keys] if isinstance(about, dict) else [about] if type(about) is plain else []
    return next((_one_line(str(one)) for one in values if isinstance(one, str) or _is_number(one)), None)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _one_line(text: str) -> str:
    return re.sub(r"\s*[\r\n]\s*", " ", text.strip())
