"""The condition of a model: made of a set of images, and turned into the numbers that a network reads."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from genjax.data import Dataset
from genjax.data.captioned import captioned_places, require_captions
from genjax.errors import InputError, did_you_mean
from genjax.families.model import NO_CONDITION, Condition, Styles
from genjax.families.text import Vocabulary, byte_pair_vocabulary, word_vocabulary

STYLED = "styled_label"  # column of a batch: class and style of each image
NO_STYLE = 0  # the row of the table of styles that stands for none
IN = " in "  # between a class and a style, where both are asked for: "Q in lora:700italic"


def class_condition(dataset: Dataset, styles: str = "") -> Condition:
    """Makes the condition of a set's classes.

    Args:
        dataset: with classes.
        styles: factor of the set whose values are styles; "" for none.
    Raises:
        InputError: it has no classes, or no such factor.
    """
    if dataset.labels is None or not dataset.class_names:
        raise InputError(
            f"--condition class: {dataset.name} has no classes. Use data with classes, such as a folder with a"
            " sub-folder for each, or leave --condition out."
        )
    return Condition("class", tuple(dataset.class_names), styles=_styles(styles, dataset) if styles else None)


def _styles(factor: str, dataset: Dataset) -> Styles:
    if factor not in dataset.factors:
        known = ", ".join(dataset.factors) or "none"
        raise InputError(f"{dataset.name} has no factor {factor!r} (it has {known}). Use one of them, or no styles.")
    return Styles(factor, tuple(sorted({str(value) for value in dataset.factors[factor]})))


def with_new_styles(condition: Condition, dataset: Dataset) -> Condition:
    """Adds the styles of a set that a model does not know yet; the last of the set's becomes the usual one.

    A set without the factor is one new style, of the set's name.
    """
    styles = condition.styles
    if styles is None:
        return condition
    found = sorted(set(_style_of_each(styles, dataset)))
    new = tuple(name for name in found if name not in styles.names)
    return condition._replace(styles=styles._replace(names=styles.names + new, usual=found[-1], new=len(new)))


def _style_of_each(styles: Styles, dataset: Dataset) -> list[str]:
    if styles.factor not in dataset.factors:
        return [dataset.name] * len(dataset)
    return [str(value) for value in dataset.factors[styles.factor]]


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


def column_name(condition: Condition) -> str:
    """Returns the column of a batch that holds the condition of each image; "" without one."""
    if condition.kind == "class":
        return "label" if condition.styles is None else STYLED
    return "text" if condition.kind == "text" else ""


def vocabulary_of(condition: Condition) -> Vocabulary:
    """Returns the vocabulary of a condition on texts."""
    if condition.vocabulary is None:
        raise InputError("this model of texts has no vocabulary. Restore its model.json, or train it again.")
    return condition.vocabulary


def numbers_of(condition: Condition, asked: Sequence[str]) -> np.ndarray:
    """Returns what a network reads for these classes or texts: int32 (n,) or (n, length).

    Of a model with styles it reads class and style, (n, 2): ``Q in lora:400``, or ``Q`` in the usual one.

    Raises:
        InputError: a class or a style that is not there, or a word that is not known.
    """
    if condition.kind == "text":
        return vocabulary_of(condition).encode(asked)
    parts = [_parts(name, condition) for name in asked]
    classes = _places([name for name, _ in parts], "class", condition.names)
    if condition.styles is None:
        return classes
    # Row 0 of the table of styles stands for none, so that new ones can follow the last.
    return np.stack([classes, _places([style for _, style in parts], "style", ("", *condition.styles.names))], axis=1)


def _parts(asked: str, condition: Condition) -> tuple[str, str]:
    """Splits what is asked for into a class and a style."""
    styles = condition.styles
    if styles is None or asked in condition.names:
        return asked, styles.usual if styles else ""
    known = [name for name in condition.names if asked.startswith(name + IN)]  # "in" may be a word of a class
    name = max(known, key=len) if known else asked.partition(IN)[0]
    return name, asked.removeprefix(name + IN) if IN in asked else styles.usual


def _places(given: Sequence[str], kind: str, names: Sequence[str]) -> np.ndarray:
    places = {name: number for number, name in enumerate(names)}
    for name in given:
        if name not in places:
            raise InputError(f"unknown {kind} {name!r}. {did_you_mean(name, list(filter(None, names)))}")
    return np.array([places[name] for name in given], np.int32)


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


def in_turn(said: Sequence[str], n: int) -> list[str]:
    """Returns n of these classes or texts, one after the other, again and again."""
    return [said[row % len(said)] for row in range(n)]


def classes_in_turn(condition: Condition, n: int) -> list[str]:
    """Returns the classes of n images of which nothing was asked: all of them in turn."""
    return in_turn(condition.names, n)


def shown_of(condition: Condition, dataset: Dataset, n: int) -> np.ndarray | None:
    """Returns what a network reads for n images like those of a set, from its first on; None where nothing is known."""
    said = said_of(condition, dataset)
    return numbers_of(condition, in_turn(said, n)) if said else None


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
    found = [dataset.class_names[label] for label in np.unique(dataset.labels)]
    unknown = [name for name in found if name not in condition.names]
    if unknown:
        raise InputError(
            f"{dataset.name} has classes that the model does not know: {', '.join(unknown[:10])}; it knows"
            f" {', '.join(condition.names[:10])}. Use data with these classes, or a model without --condition; an"
            " adaptation of a GAN or a VAE learns them with --new-classes."
        )
    classes = _places([dataset.class_names[label] for label in dataset.labels], "class", condition.names)
    if condition.styles is None:
        return {"label": classes}
    styles = _places(_style_of_each(condition.styles, dataset), "style", ("", *condition.styles.names))
    return {STYLED: np.stack([classes, styles], axis=1)}


def labels_in(column: dict[str, np.ndarray]) -> np.ndarray:
    """Returns the label of each row of a column that `column_of` made; none of a condition without classes."""
    styled = column.get(STYLED)
    return column.get("label", np.zeros(0, np.int32)) if styled is None else styled[:, 0]


def example_column(condition: Condition) -> dict[str, np.ndarray]:
    """Returns the column of `column_of` with one row, whose shape and type are those of all."""
    nothing = absent(condition)
    return {} if nothing is None else {column_name(condition): np.zeros((1, *nothing.shape), np.int32)}


def absent(condition: Condition) -> np.ndarray | None:
    """Returns what stands for no condition: the number after the last class, or tokens that stand for no word.

    Of a model with styles these are two numbers, of no class and of no style.
    """
    if condition.kind == "class":
        nothing = np.array(len(condition.names), np.int32)
        return nothing if condition.styles is None else np.array([nothing, NO_STYLE], np.int32)
    if condition.kind == "text":
        vocabulary = vocabulary_of(condition)
        return np.full(vocabulary.length, vocabulary.numbers, np.int32)
    return None
