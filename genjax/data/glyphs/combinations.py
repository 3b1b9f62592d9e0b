"""Which combinations of glyph, colour, weight and tilt are trained on, and which are never.

A model that has seen bold sevens, red sevens and bold red eights should draw a bold red seven. Whether it does can be
told only where it has seen none: a tenth of the combinations is held out, the same for every seed and size, for ever.
"""

import hashlib
from typing import NamedTuple

from genjax.data.glyphs.captions import VALUES

HELD_OUT = 0.1  # part of the combinations that is never trained


class Combination(NamedTuple):
    """Four attributes, as `glyph_captions.Attributes` has them; count and size are in all combinations."""

    glyph: str
    colour: str
    weight: str
    tilt: str


EVERY = tuple(
    Combination(glyph, colour, weight, tilt)
    for glyph in VALUES["glyph"]
    for colour in VALUES["colour"]
    for weight in VALUES["weight"]
    for tilt in VALUES["tilt"]
)


def held_out_combinations() -> tuple[Combination, ...]:
    """The tenth whose names have the lowest sha256, in the order of `EVERY`. No seed enters."""
    ranked = sorted(EVERY, key=lambda combination: hashlib.sha256("/".join(combination).encode()).digest())
    chosen = set(ranked[: round(HELD_OUT * len(EVERY))])
    return tuple(combination for combination in EVERY if combination in chosen)


def trained_combinations() -> tuple[Combination, ...]:
    """All the others."""
    held_out = set(held_out_combinations())
    return tuple(combination for combination in EVERY if combination not in held_out)


COMBINATIONS = {"trained": trained_combinations, "held_out": held_out_combinations, "all": lambda: EVERY}
