"""Reading and writing vocabularies as JSON files, which execute nothing."""

import json
from pathlib import Path
from typing import Any

from genjax.errors import InputError, lookup
from genjax.families.text.byte_pair import byte_pair_from
from genjax.families.text.vocabulary import Vocabulary
from genjax.families.text.words import words_from
from genjax.json_config import read_json

FORM = 1


def dump_vocabulary(vocabulary: Vocabulary) -> bytes:
    """Serialises a vocabulary to the bytes of its file."""
    return (json.dumps(to_json(vocabulary), ensure_ascii=False, indent=1) + "\n").encode()


def load_vocabulary(path: Path) -> Vocabulary:
    """Reads a vocabulary from a file.

    Raises:
        InputError: no such file, or one that holds no vocabulary.
    """
    return from_json(read_json(path), where=str(path))


def to_json(vocabulary: Vocabulary) -> dict[str, Any]:
    """Converts a vocabulary to plain values for JSON."""
    return {"form": FORM, "kind": vocabulary.kind, "length": vocabulary.length, **vocabulary.contents}


def from_json(values: dict[str, Any], *, where: str) -> Vocabulary:
    """Builds a vocabulary from the values of a file, which are checked first.

    Args:
        values: content of the file.
        where: name of the file, for messages.
    Raises:
        InputError: the values describe no vocabulary.
    """
    kind, length = values.get("kind"), values.get("length")
    if values.get("form") != FORM or not isinstance(kind, str) or type(length) is not int or length < 1:
        raise InputError(f"{where} is no vocabulary of this genjax. Restore it, or train the model again.")
    return lookup(READERS, kind, f"kind of vocabulary in {where}:")(values, length, where)


def _read_words(values: dict[str, Any], length: int, where: str) -> Vocabulary:
    known = values.get("words")
    if not isinstance(known, list) or not known or not all(isinstance(word, str) and word for word in known):
        raise InputError(f"{where} lists no words. Restore it, or train the model again.")
    if len(set(known)) < len(known):
        raise InputError(f"{where} lists a word twice. Restore it, or train the model again.")
    return words_from(known, length)


def _read_byte_pair(values: dict[str, Any], length: int, where: str) -> Vocabulary:
    if not isinstance(values.get("tokenizer"), str):
        raise InputError(f"{where} holds no byte pairs. Restore it, or train the model again.")
    return byte_pair_from(values["tokenizer"], length)


READERS = {"words": _read_words, "byte_pair": _read_byte_pair}
