"""The condition of a model: made of a set of images, and turned into the numbers that a network reads."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from genjax.data import Dataset
from genjax.data.captioned import captioned_places, require_captions
from genjax.errors import InputError, did_you_mean
from genjax.families.model import NO_CONDITION, Condition
from genjax.families.text import Vocabulary, byte_pair_vocabulary, word_vocabulary

COLUMNS = {"class": "label", "text": "text"}  # {kind of a condition: its column of a batch}


def class_condition(dataset: Dataset) -> Condition:
    """Makes the condition of a set's classes.

    Raises:
        InputError: it has none.
    """
    if dataset.labels is None or not dataset.class_names:
        raise InputError(
            f"--condition class: {dataset.name} has no classes. Use data with classes, such as a folder with a"
            " sub-folder for each, or leave --condition out."
        )
    return Condition("class", tuple(dataset.class_names))


def text_condition(dataset: Dataset, *, kind: str = "words", length: int = 0, size: int = 1024) -> Condition:
    """Makes the condition of a set's captions.

    Args:
        dataset: with a caption for each image, of which some may be empty.
        kind: of the vocabulary: words, or byte_pair.
        length: tokens of a text; 0 is that of the longest caption.
        size: tokens of the byte-pair vocabulary, at most.
    Raises:
        InputError: an image without a caption.
    """
    captions = [caption for caption in require_captions(dataset, empty=True) if caption.strip()]
    if kind == "words":
        return Condition("text", vocabulary=word_vocabulary(captions, length=length))
    return Condition("text", vocabulary=byte_pair_vocabulary(captions, size=size, length=length))


def class_or_none(kind: str, options: Any, dataset: Dataset) -> Condition:
    """Makes the condition of a model that may be told the classes of its images."""
    return class_condition(dataset) if kind == "class" else NO_CONDITION


def no_condition(kind: str, options: Any, dataset: Dataset) -> Condition:
    """Returns the condition of a model that has none, whatever the set is."""
    return NO_CONDITION


def vocabulary_of(condition: Condition) -> Vocabulary:
    """Returns the vocabulary of a condition on texts."""
    if condition.vocabulary is None:
        raise InputError("this model of texts has no vocabulary. Restore its model.json, or train it again.")
    return condition.vocabulary


def numbers_of(condition: Condition, asked: Sequence[str]) -> np.ndarray:
    """Returns what a network reads for these classes or texts: int32 (n,) or (n, length).

    Raises:
        InputError: a class that is not there, or a word that is not known.
    """
    if condition.kind == "text":
        return vocabulary_of(condition).encode(asked)
    places = {name: number for number, name in enumerate(condition.names)}
    for name in asked:
        if name not in places:
            raise InputError(f"unknown class {name!r}. {did_you_mean(name, list(condition.names))}")
    return np.array([places[name] for name in asked], np.int32)


def said_of(condition: Condition, dataset: Dataset) -> list[str] | None:
    """Returns the classes or texts of a set's images, as far as the model can be asked for them; None without.

    Images of which it cannot are left out, so that there may be fewer, or none.
    """
    if condition.kind == "text":
        if not dataset.captions:
            return None
        spoken = dataset.take(captioned_places(dataset.captions)).captions
        return [spoken[place] for place in vocabulary_of(condition).readable(spoken)]
    if condition.kind == "class" and dataset.labels is not None:
        names = [dataset.class_names[label] for label in dataset.labels]
        return [name for name in names if name in condition.names]
    return None


def classes_in_turn(condition: Condition, n: int) -> list[str]:
    """Returns the classes of n images of which nothing was asked: all of them in turn."""
    return [condition.names[row % len(condition.names)] for row in range(n)]


def shown_of(condition: Condition, dataset: Dataset, n: int) -> np.ndarray | None:
    """Returns what a network reads for n images like those of a set, from its first on; None where nothing is known."""
    said = said_of(condition, dataset)
    return numbers_of(condition, [said[row % len(said)] for row in range(n)]) if said else None


def of_classes(dataset: Dataset, names: Sequence[str]) -> tuple[Dataset, list[str]]:
    """Returns the images of a set whose classes are among these names, and the class of each; there may be none."""
    labels = [] if dataset.labels is None else [dataset.class_names[label] for label in dataset.labels]
    places = [place for place, name in enumerate(labels) if name in names]
    return dataset.take(places), [labels[place] for place in places]


def column_of(condition: Condition, dataset: Dataset) -> dict[str, np.ndarray]:
    """Returns the column of a set that trains a model under this condition: {"label": (n,)}, {"text": ...} or {}.

    An empty caption becomes what stands for none: images without one train what guidance compares with.

    Raises:
        InputError: classes that the model does not know, or images without a caption.
    """
    if condition.kind == "text":
        captions = require_captions(dataset, empty=True)
        tokens = vocabulary_of(condition).encode_padded(captions)
        tokens[[not caption.strip() for caption in captions]] = absent(condition)
        return {"text": tokens}
    if condition.kind == "none":
        return {}
    if dataset.labels is None:
        raise InputError(
            f"{dataset.name} has no classes, and the model is trained by class ({', '.join(condition.names[:10])})."
            " Use data with these classes, or a model without --condition."
        )
    unknown = [name for name in dataset.class_names if name not in condition.names]
    if unknown:
        raise InputError(
            f"{dataset.name} has classes that the model does not know: {', '.join(unknown[:10])}; it knows"
            f" {', '.join(condition.names[:10])}. Use data with these classes, or a model without --condition."
        )
    return {"label": numbers_of(condition, [dataset.class_names[label] for label in dataset.labels])}


def example_column(condition: Condition) -> dict[str, np.ndarray]:
    """Returns the column of `column_of` with one row, whose shape and type are those of all."""
    nothing = absent(condition)
    return {} if nothing is None else {COLUMNS[condition.kind]: np.zeros((1, *nothing.shape), np.int32)}


def absent(condition: Condition) -> np.ndarray | None:
    """Returns what stands for no condition: the number after the last class, or tokens that stand for no word."""
    if condition.kind == "class":
        return np.int32(len(condition.names)) * np.ones((), np.int32)
    if condition.kind == "text":
        vocabulary = vocabulary_of(condition)
        return np.full(vocabulary.length, vocabulary.numbers, np.int32)
    return None
