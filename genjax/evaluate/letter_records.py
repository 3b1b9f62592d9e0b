"""Records of an adaptation to the letters of a font: what it draws of the others against the truth.

Beside them stand two that a method must beat: the source without any adaptation, and retrieval, the font among those
that sources are trained on whose letters are most like the shots.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from genjax.data import Dataset, load
from genjax.data.fonts.drawing import CHARACTERS
from genjax.data.fonts.faces import faces_of
from genjax.data.fonts.families import TEST
from genjax.errors import InputError
from genjax.evaluate.attributes import wilson
from genjax.evaluate.features.letters import LETTERS_V1_SHA256, Letters, letter_reader
from genjax.evaluate.features.statistics import image_hash
from genjax.evaluate.metrics.intervals import NORMAL_95
from genjax.evaluate.metrics.letters import copies, nearest_face, right_letters, shifted_distance, style_rank
from genjax.evaluate.records import Record
from genjax.families.model import ModelConfig
from genjax.terminal import warn

LETTERS = {  # {metric: its line in the help}
    "distance": "Mean absolute difference of pixels (0 to 255) to the true letter, after the best shift by a pixel.",
    "distance_features": "Distance to the true letter in features of the reader of letters.",
    "legibility": "Share of letters that are read rightly, those that look alike counted as one.",
    "style_rank": "Rank of the true font among the test fonts by the style of what was drawn.",
    "copies": "Share of letters that are more than three times as near to one shot as to any other.",
}
RESIZE = "to 32 pixels, grey"
SOURCES = ("font", "fonts", "letters")  # of characters, each in a face


def letters_help() -> str:
    """Returns a line for each metric, for the help of --metrics."""
    of = "Of a run adapted to named characters of a font."
    return "\n".join(f"{name}: {summary} {of}" for name, summary in LETTERS.items())


def are_letters(model: ModelConfig, data: str, shown: Dataset) -> bool:
    """Returns True if images are the letters of one face, for which a model of classes can be asked."""
    faces = shown.factors.get("face", ())
    return model.condition.kind == "class" and data.partition(":")[0] in SOURCES and len(set(faces)) == 1


class Drawn(NamedTuple):
    """The unseen characters as one method draws them.

    Attributes:
        of: what a record's name says of the method: "", "of the source" or "of retrieval".
        images: uint8 (n, h, w, c), in the order of the truth.
        how: method in words.
    """

    of: str
    images: np.ndarray
    how: str


def letter_records(
    truth: Dataset, shots: Dataset, drawn: Sequence[Drawn], metrics: Sequence[str] = tuple(LETTERS), **about: Any
) -> list[Record]:
    """Measures drawn characters against the true ones.

    Args:
        truth: the characters that were no shots, one image each.
        shots: images of the same font that were adapted to.
        drawn: what is judged, each with an image for each of `truth`.
        metrics: names of `LETTERS`.
        about: `data`, `split` and `seed` of the records.
    Returns:
        For each of `drawn` a record a metric.
    """
    reader = letter_reader()
    true, labels = reader(truth.images[:]), _labels(truth)
    read_right = right_letters(true.character, labels, CHARACTERS).mean()
    others = _style_of_others(truth, labels) if "style_rank" in metrics else None
    if others is None:
        metrics = [name for name in metrics if name != "style_rank"]
    if "copies" in metrics and len(shots) < 2:
        warn("copies is left out: it compares the nearest shot with the second nearest, and there is one")
        metrics = [name for name in metrics if name != "copies"]
    found = []
    for one in drawn:
        read = reader(one.images)
        values: dict[str, Callable[[], tuple]] = {
            "distance": lambda one=one: _mean(shifted_distance(one.images, truth.images[:]), "pixels, of 255"),
            "distance_features": lambda read=read: _mean(
                np.linalg.norm(read.content - true.content, axis=1), "features of characters"
            ),
            "legibility": lambda read=read: _share(
                right_letters(read.character, labels, CHARACTERS), f"read rightly; of the true ones {read_right:.3f}"
            ),
            "style_rank": lambda read=read: _rank(read, true, others),
            "copies": lambda one=one: _share(copies(one.images, shots.images[:]), "of a shot"),
        }
        for name in metrics:
            value, interval, note, method = values[name]()
            found.append(
                Record(
                    name=" ".join(filter(None, (name, one.of))),
                    value=value,
                    interval=interval,
                    interval_note=note,
                    method=f"{method}; {one.how}" if one.how else method,
                    n_real=len(truth),
                    n_fake=len(one.images),
                    extractor="letters-v1",
                    extractor_version="1",
                    extractor_sha256=LETTERS_V1_SHA256,
                    resize=RESIZE,
                    data_hash=image_hash(truth.images[:]),
                    **about,
                )
            )
    return found


def retrieved(truth: Dataset, shots: Dataset) -> Drawn:
    """Returns the unseen characters of the training font that draws the shots most alike.

    Raises:
        InputError: the packages of the fonts are not installed.
    """
    size, channels = truth.images.shape[1], truth.images.shape[3]
    faces = _training_faces(size, channels)
    names, images = list(faces), np.stack(list(faces.values()))
    nearest = nearest_face(shots.images[:], images[:, _labels(shots)])
    return Drawn("of retrieval", images[nearest][_labels(truth)], f"{names[nearest]}, nearest to the shots")


@functools.lru_cache(maxsize=2)
def _training_faces(size: int, channels: int) -> Mapping[str, np.ndarray]:
    fonts = load("fonts", size=size, channels=channels, quiet=True)
    names, images = fonts.factors["face"], fonts.images[:]
    return {str(name): images[names == name] for name in dict.fromkeys(names.tolist())}


def _style_of_others(truth: Dataset, labels: np.ndarray) -> np.ndarray | None:
    """Returns the style (fonts, n, 64) of the same characters in the test fonts; None where they are not installed."""
    try:
        styles = _test_styles()
    except InputError as error:
        warn(f"style_rank is left out: {error}")
        return None
    own = str(truth.factors["family"][0]) if "family" in truth.factors else ""
    return np.stack([style[labels] for family, style in styles.items() if family != own])


@functools.cache
def _test_styles() -> Mapping[str, np.ndarray]:
    regular = {family: min(faces_of(family), key=lambda face: (face.italic, abs(face.weight - 400))) for family in TEST}
    return {
        family: letter_reader()(load(f"fonts:{face.name}", size=32, split="all").images[:]).style
        for family, face in regular.items()
    }


def _labels(images: Dataset) -> np.ndarray:
    if images.labels is None:
        raise ValueError("letters have classes")
    return np.array([CHARACTERS.index(images.class_names[label]) for label in images.labels])


def _mean(values: np.ndarray, method: str) -> tuple:
    half = NORMAL_95 * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    mean = float(values.mean())
    return mean, (float(mean - half), float(mean + half)) if half else None, "normal, over characters", method


def _share(right: np.ndarray, method: str) -> tuple:
    share, low, high = wilson(int(right.sum()), len(right))
    return share, (low, high), "Wilson, over characters", method


def _rank(read: Letters, true: Letters, others: np.ndarray | None) -> tuple:
    if others is None:
        raise ValueError("a rank needs other fonts")
    rank = style_rank(read.style, true.style, others)
    return float(rank), None, "none: one number a font", f"rank of the true font among {len(others) + 1}"
