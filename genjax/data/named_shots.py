"""Shots chosen by name: the classes of `--shots-of`, one character each; what is held out is the rest of the set."""

import numpy as np

from genjax.data.dataset import Dataset
from genjax.data.request import EmptySplitError
from genjax.errors import InputError


def check_characters(characters: str) -> None:
    """Raises InputError for a character that is named twice, or is a space."""
    for char in characters:
        if char.isspace() or characters.count(char) > 1:
            what = "a space" if char.isspace() else f"{char!r} twice"
            raise InputError(
                f"--shots-of {characters!r} names {what}. Name each character once: --shots-of ADGMRaegkt."
            )


def shots_named(dataset: Dataset, characters: str) -> Dataset:
    """Selects the images of these classes, in the order of the set.

    Raises:
        InputError: a class that the set does not have.
    """
    return dataset.take(np.flatnonzero(_named(dataset, characters)))


def rest_of(dataset: Dataset, characters: str) -> Dataset:
    """Selects the images of all other classes: what the shots are to be completed to.

    Raises:
        InputError: a class that the set does not have.
        EmptySplitError: there is no other class.
    """
    rest = np.flatnonzero(~_named(dataset, characters))
    if not len(rest):
        raise EmptySplitError(f"--shots-of names every class of {dataset.name}, and nothing is held out. Name fewer.")
    return dataset.take(rest)


def _named(dataset: Dataset, characters: str) -> np.ndarray:
    labels = np.zeros(0, int) if dataset.labels is None else dataset.labels
    there = {dataset.class_names[label] for label in np.unique(labels)}
    lacking = [char for char in characters if char not in there]
    if lacking:
        known = ", ".join(sorted(there)[:70]) or "none"
        raise InputError(
            f"--shots-of: {dataset.name} has no image of {', '.join(map(repr, lacking))}. Its classes are {known}."
        )
    return np.isin(labels, [dataset.class_names.index(char) for char in characters])
