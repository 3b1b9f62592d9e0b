"""The files of a set that were left out: counted in a line, and listed in a text, a line each."""

import warnings
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

from genjax.data.dataset import Dataset
from genjax.data.large_images import TOO_LARGE
from genjax.errors import printable


def counted(left_out: Mapping[str, str]) -> str:
    """Formats {path: reason} as ``cut off or damaged 12, hidden 3``, the most frequent reason first."""
    reasons = [TOO_LARGE if reason.startswith(TOO_LARGE) else reason for reason in left_out.values()]
    counts = sorted(Counter(reasons).items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{reason} {number:,}" for reason, number in counts)


def left_out_line(images: Dataset) -> str:
    """Formats as ``folder:photos: 8,107 images, 21 classes; left out 15 (cut off or damaged 12, hidden 3)``."""
    number = f"{images.whole:,} {'image' if images.whole == 1 else 'images'}"
    classes = f", {images.classes_in_words}" if images.class_names else ""
    large = any(reason.startswith(TOO_LARGE) for reason in images.left_out.values())
    advice = ", --max-pixels reads larger ones" if large else ""
    return f"{images.name}: {number}{classes}; left out {len(images.left_out):,} ({counted(images.left_out)}){advice}"


def left_out_list(left_out: Mapping[str, str]) -> str:
    """Lists all that was left out in the order of the paths: a line each, reason, tab and path."""
    return "".join(f"{reason}\t{printable(path)}\n" for path, reason in sorted(left_out.items()))


def warn_of_left_out(images: Dataset) -> None:
    """Warns once of what was left out of a set, with its number by reason and the first path."""
    if images.left_out:
        warn_once(f"{left_out_line(images)}; the first {min(images.left_out)}")


@lru_cache(maxsize=64)
def warn_once(line: str) -> None:
    """Warns with this line, the first time only: a command may read its set several times."""
    warnings.warn(line, stacklevel=4)
