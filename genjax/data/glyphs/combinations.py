"""Trained and held-out combinations of glyph, colour, weight and tilt, for measuring compositional generalisation.

A model that has seen bold sevens, red sevens and bold red eights should draw a bold red seven. That can be tested only
if it has never seen one: a tenth of the combinations is held out, always the same ones.
"""

import hashlib
from typing import NamedTuple

from genjax.data.glyphs.captions import VALUES

HELD_OUT = 0.1  # fraction of the combinations that is never in a training set


class Combination(NamedTuple):
    """Four of the attributes in `captions.Attributes`; each combination occurs with every count and size."""

    glyph: str
    colour: str
    weight: str
    tilt: str


ALL_COMBINATIONS = tuple(
    Combination(glyph, colour, weight, tilt)
    for glyph in VALUES["glyph"]
    for colour in VALUES["colour"]
    for weight in VALUES["weight"]
    for tilt in VALUES["tilt"]
)


def held_out_combinations() -> tuple[Combination, ...]:
    """Selects the tenth whose names have the lowest sha256, in the order of `ALL_COMBINATIONS`. No seed is used."""
    ranked = sorted(ALL_COMBINATIONS, key=lambda combination: hashlib.sha256("/".join(combination).encode()).digest())
    chosen = set(ranked[: round(HELD_OUT * len(ALL_COMBINATIONS))])
    return tuple(combination for combination in ALL_COMBINATIONS if combination in chosen)


def trained_combinations() -> tuple[Combination, ...]:
    """Selects the combinations that are not held out, in the order of `ALL_COMBINATIONS`."""
    held_out = set(held_out_combinations())
    return tuple(combination for combination in ALL_COMBINATIONS if combination not in held_out)


COMBINATIONS = {"trained": trained_combinations, "held_out": held_out_combinations, "all": lambda: ALL_COMBINATIONS}
