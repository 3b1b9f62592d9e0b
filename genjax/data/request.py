"""What is asked of a set: size, channels, and which of its images."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genjax.errors import InputError, did_you_mean

SIZES = (8, 16, 32, 64, 128, 256, 512, 1024)
SPLITS = ("train", "test", "all")
HELD_OUT = 0.2  # part of a set that is held out, where the set itself does not say
SUBSET_STREAM = 0x5B5  # keeps the choice of a subset apart from whatever else is drawn from the same seed


@dataclass(frozen=True)
class Request:
    """What to make of a set. Refuses, when built, what no set could answer."""

    size: int = 16
    """Height and width of the images: a power of two from 8 to 1024."""
    channels: int = 0
    """1 for grey, 3 for colour, 0 as the images are."""
    split: str = "train"
    """train, test (held out) or all."""
    num: int = 0
    """How many images; 0 is all that the set has."""
    seed: int = 0
    """Of which images are taken where `num` is fewer than all, and of what is drawn."""
    skip_broken: bool = False
    """Leave out files of a folder that cannot be read as images, instead of refusing the folder."""
    root: Path | None = None
    """Where relative paths begin; None is the working directory, for tfds its usual folder."""

    def __post_init__(self) -> None:
        """Raises InputError for values that no set could answer."""
        if self.size not in SIZES:
            raise InputError(_wrong_size(self.size))
        if self.channels not in (0, 1, 3):
            raise InputError(f"--channels {self.channels}: expected 1 (grey), 3 (colour) or 0 (as the images are).")
        if self.split not in SPLITS:
            raise InputError(f"unknown split {self.split!r}. {did_you_mean(self.split, list(SPLITS))}")
        for option, value in (("--num-images", self.num), ("--seed", self.seed)):
            if value < 0:
                raise InputError(f"{option} {value} is negative. Use 0 or more.")


def held_out(names: Sequence[str]) -> np.ndarray:
    """Which images are held out: the fifth of them, at least one, whose names have the lowest sha256. Bool (n,).

    No seed enters: an image that any run has trained on must not be held out in another. A single image is not.
    """
    if len(names) < 2:
        return np.zeros(len(names), bool)
    order = sorted(range(len(names)), key=lambda i: hashlib.sha256(names[i].encode(errors="surrogateescape")).digest())
    chosen = np.zeros(len(names), bool)
    chosen[order[: max(1, round(HELD_OUT * len(names)))]] = True
    return chosen


def choose(name: str, request: Request, in_test: np.ndarray) -> np.ndarray:
    """Indices of the images that a request means, ascending.

    Args:
        name: of the set, for messages.
        request: its split, num and seed count here. A smaller `num` is a part of a larger one of the same seed.
        in_test: bool (n,), whether an image is held out.
    Raises:
        InputError: no image in that split, or fewer than asked for.
    """
    members = {"train": ~in_test, "test": in_test, "all": np.ones_like(in_test)}[request.split]
    indices = np.flatnonzero(members)
    if not len(indices):
        raise InputError(
            f"{name} has no image in its split {request.split!r} ({len(in_test)} in all)."
            " Add images, or use the split 'all'."
        )
    check_num(name, request, len(indices))
    if not request.num:
        return indices
    rng = np.random.default_rng((request.seed, SUBSET_STREAM))
    return np.sort(rng.permutation(indices)[: request.num])


def check_num(name: str, request: Request, available: int) -> None:
    """Raises InputError where a request wants more images than there are."""
    if request.num > available:
        raise InputError(
            f"--num-images {request.num} is more than {name} has in its split {request.split!r}"
            f" ({available} images). Use {available} or fewer, or 0 for all."
        )


def _wrong_size(size: int) -> str:
    below = [s for s in SIZES if s < size][-1:]
    above = [s for s in SIZES if s > size][:1]
    nearest = " or ".join(str(s) for s in below + above)
    reason = "is no power of two" if size < 1 or size & (size - 1) else f"is not from {SIZES[0]} to {SIZES[-1]}"
    return f"--size {size} {reason}. Use {nearest}."
