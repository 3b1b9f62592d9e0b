"""The captions of a folder of images, in the forms in which tools leave them.

``captions.jsonl`` (``file``, ``caption``) at the root; ``metadata.jsonl`` and ``metadata.csv`` (``file_name`` and
``text``) at the root or in the folder of a split, as Hugging Face's imagefolder reads them; ``a.txt`` beside ``a.png``.
"""

import csv
import io
import json
import posixpath
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import IO, NamedTuple

from genjax.errors import InputError

CAPTIONS, METADATA_LINES, METADATA_TABLE, TEXT = "captions.jsonl", "metadata.jsonl", "metadata.csv", ".txt"
METADATA = (METADATA_LINES, METADATA_TABLE)
KINDS = f"{CAPTIONS}, {METADATA_LINES}, {METADATA_TABLE} or a {TEXT} beside each image"
LONGEST = 1 << 20  # bytes of a text beside an image, at most: a caption is a sentence or a few


Opener = Callable[[str], IO[bytes]]


class Entry(NamedTuple):
    """A caption as it is written.

    Attributes:
        where: file and line, for messages.
        file: path of the image in the set, in the spelling of the entry.
        caption: text.
    """

    where: str
    file: str
    caption: str


class Captions(NamedTuple):
    """The captions of a set.

    Attributes:
        texts: {path: caption}, under the name that is written where it fits no file.
        kind: the file that holds them, or what such files end with; "" if the set has none.
        foreign: {kind: what it has that fits no file, as a phrase}.
    """

    texts: dict[str, str]
    kind: str
    foreign: dict[str, str]


def read_captions(
    open: Opener, name: str, paths: Sequence[str], files: Collection[str], *, others: Collection[str] = ()
) -> Captions:
    """Reads the captions of a set, of whatever kind they are.

    Args:
        open: opens a file of the set, as `genjax.data.files.Files.open`.
        name: name of the set, for messages.
        paths: paths of its images, relative to the folder. An entry names one with slashes or backslashes, with or
            without ``./``, and with accents composed or not.
        files: paths of its files of captions.
        others: paths of its files that are not used.
    Raises:
        InputError: a malformed entry, a file named twice, or two kinds that say different things of the images.
    """
    known = {_spelled_alike(path): path for path in (*others, *paths)}
    kinds: dict[str, dict[str, str]] = {}
    for kind, entries_of in _READERS.items():
        own = sorted(file for file in files if _kind(file) == kind)
        if own:
            kinds[kind] = _collected(name, known, entries_of(open, name, own, known))
    found = {kind: _foreign(kind, texts, known.values()) for kind, texts in kinds.items()}
    foreign = {kind: phrase for kind, phrase in found.items() if phrase}
    telling = {kind: texts for kind, texts in kinds.items() if not texts.keys().isdisjoint(paths)} or kinds
    _check_alike(name, paths, telling)
    kind, texts = next(iter(telling.items()), ("", {}))
    return Captions(texts, kind, foreign)


def without_caption(paths: Sequence[str], captions: Captions) -> list[str]:
    """Returns the paths of the images that have no caption, or an empty one."""
    return [path for path in paths if not captions.texts.get(path, "").strip()]


def missing_line(name: str, paths: Sequence[str], missing: Sequence[str], captions: Captions) -> str:
    """Says how many images have no caption, the first of them, and what fits no image."""
    phrase = captions.foreign.get(captions.kind)
    return (
        f"{name}: {_has(captions.kind)} no caption for {len(missing):,} of {len(paths):,} images, the first"
        f" {missing[0]!r}{f', and {phrase}' if phrase else ''}"
    )


def missing_error(name: str, paths: Sequence[str], missing: Sequence[str], captions: Captions) -> InputError:
    """Returns the error that some images have no caption."""
    add = f"Write a {captions.kind} beside each" if captions.kind.startswith(".") else "Add a line for each"
    drop = ", or leave these images out with --captions drop" if len(missing) < len(paths) else ""
    return InputError(f"{missing_line(name, paths, missing, captions)}. {add}{drop}.")


def foreign_lines(name: str, captions: Captions) -> list[str]:
    """Says, in a line for each kind, what captions fit no file of the set."""
    return [f"{name}: {_has(kind)} {phrase}" for kind, phrase in captions.foreign.items()]


def _kind(file: str) -> str:
    base = posixpath.basename(file)
    return TEXT if base.lower().endswith(TEXT) else base


def _has(kind: str) -> str:
    return f"its {kind} files have" if kind.startswith(".") else f"{kind} has"


def _stem(file: str) -> str:
    return posixpath.splitext(_spelled_alike(file))[0]


def _spelled_alike(file: str) -> str:
    return unicodedata.normalize("NFC", posixpath.normpath(file.replace("\\", "/")))


def _collected(name: str, known: Mapping[str, str], entries: Iterator[Entry]) -> dict[str, str]:
    """Collects {path: caption}, under the name that is written where it fits no file."""
    texts: dict[str, str] = {}
    for entry in entries:
        path = known.get(_spelled_alike(entry.file), entry.file)
        if path in texts:
            raise InputError(f"{name}: {entry.where} names {entry.file!r} again. Keep one line a file.")
        texts[path] = entry.caption
    return texts


def _foreign(kind: str, texts: Iterable[str], files: Iterable[str]) -> str:
    """Describes the captions of files that are not there: ``2 lines that fit no file, the first 'b.png'``; or ""."""
    there = set(files)
    foreign = [file for file in texts if file not in there]
    if not foreign:
        return ""
    verb = "fits" if len(foreign) == 1 else "fit"
    noun = "" if kind == TEXT else " line" if len(foreign) == 1 else " lines"
    return f"{len(foreign):,}{noun} that {verb} no {'image' if kind == TEXT else 'file'}, the first {foreign[0]!r}"


def _check_alike(name: str, paths: Sequence[str], kinds: Mapping[str, Mapping[str, str]]) -> None:
    """Raises InputError for two kinds that say different things of the images."""
    (one, texts), *others = kinds.items() if kinds else [("", {})]
    for other, further in others:
        different = [path for path in paths if texts.get(path) != further.get(path)]
        if different:
            shown = (_said(kind, said.get(different[0])) for kind, said in ((one, texts), (other, further)))
            raise InputError(
                f"{name} has captions of two kinds, which differ for {len(different):,} of {len(paths):,} images, the"
                f" first {different[0]!r}: {' and '.join(shown)}. Keep one of the two."
            )


def _said(kind: str, caption: str | None) -> str:
    return f"{_has(kind)} {'nothing' if caption is None else repr(caption)}"


def _decoded(open: Opener, name: str, file: str, limit: int | None = None) -> str:
    """Reads a text file."""
    try:
        with open(file) as stream:
            content = stream.read()
    except OSError as error:
        raise InputError(f"{name}: {file} cannot be opened ({error.strerror}). Make it readable.") from None
    except InputError as reason:
        raise InputError(f"{name}: {file} cannot be read ({reason}). Repair or remove it.") from None
    if limit is not None and len(content) > limit:
        raise InputError(f"{name}: {file} is longer than {limit:,} bytes: no caption. Move it elsewhere.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # as in UTF-16 without a mark
        raise InputError(f"{name}: {file} is not UTF-8. Save it as UTF-8.")
    return text


def _lines(first: str, second: str) -> Callable[..., Iterator[Entry]]:
    """Makes the reader of files with a JSON object a line, of which these two keys are read."""

    def entries(open: Opener, name: str, files: Sequence[str], known: Mapping[str, str]) -> Iterator[Entry]:
        for place in files:
            text = _decoded(open, name, place)
            lines = re.split("\r\n|\r|\n", text)  # str.splitlines would also cut at U+2028
            for number, line in enumerate(lines, 1):
                if line.strip():
                    where = f"{place} line {number}"
                    file, caption = _pair(line, first, second)
                    if file is None or caption is None:
                        form = f'{{"{first}": "a.png", "{second}": "a red fox"}}'
                        raise InputError(f"{name}: {where} is not of the form {form}. Correct it.")
                    yield Entry(where, _beside(place, file), caption)

    return entries


def _pair(line: str, first: str, second: str) -> tuple[str | None, str | None]:
    try:
        entry = json.loads(line)
        file, caption = entry[first], entry[second]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None, None
    return (file, caption) if isinstance(file, str) and isinstance(caption, str) else (None, None)


def _table(open: Opener, name: str, files: Sequence[str], known: Mapping[str, str]) -> Iterator[Entry]:
    """Reads files of comma-separated values whose first line names the columns."""
    for place in files:
        reader = csv.reader(io.StringIO(_decoded(open, name, place), newline=""), strict=True)
        try:
            rows = [(reader.line_num, row) for row in reader if row]
        except csv.Error as error:
            where = f"{name}: {place} line {reader.line_num}"
            raise InputError(f"{where} cannot be read as comma-separated values ({error}). Correct it.") from None
        columns = [cell.strip() for cell in rows[0][1]] if rows else []
        if "file_name" not in columns or "text" not in columns:
            there = f"has the columns {', '.join(columns)}" if columns else "is empty"
            raise InputError(f"{name}: {place} {there}, expected file_name and text. Name them in its first line.")
        file, caption = columns.index("file_name"), columns.index("text")
        for number, row in rows[1:]:
            if len(row) != len(columns):
                raise InputError(
                    f"{name}: {place} line {number} has {len(row)} values, expected {len(columns)}. Put a text with a"
                    " comma into double quotes."
                )
            yield Entry(f"{place} line {number}", _beside(place, row[file]), row[caption])


def _texts(open: Opener, name: str, files: Sequence[str], known: Mapping[str, str]) -> Iterator[Entry]:
    """Reads a text beside each image, whose whole content is a caption."""
    images: dict[str, list[str]] = {}
    for spelled, path in known.items():
        images.setdefault(posixpath.splitext(spelled)[0], []).append(path)
    for place in files:
        caption = re.sub(r"\s*[\r\n]\s*", " ", _decoded(open, name, place, LONGEST).strip())
        for image in images.get(_stem(place), [place]):
            yield Entry(place, image, caption)


def _beside(place: str, file: str) -> str:
    """Returns the path in the set of a file that an entry names from the folder in which it is written."""
    folder = posixpath.dirname(place)
    return f"{folder}/{file}" if folder else file


_READERS: dict[str, Callable[[Opener, str, Sequence[str], Mapping[str, str]], Iterator[Entry]]] = {
    CAPTIONS: _lines("file", "caption"),
    METADATA_LINES: _lines("file_name", "text"),
    METADATA_TABLE: _table,
    TEXT: _texts,
}
