"""Memorisation control: training slows down, or is held to the source, as far as samples copy the shots. (own)

The signal is the share of samples of fixed latents that copy a training image: those whose nearest one is under a third
as far as the second nearest (`genjax.families.copies`). PI control in the logarithm of a knob holds it at a target:
a factor on the learning rates, or the weight of a penalty. The first is a brake, which undoes no copy that is learned;
the second pulls back to the source. When: few shots, more steps than they can bear, and no held-out image to stop by.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax.numpy as jnp
from jax import Array

from genjax.control.controller import Controllable, Controller, Knobs, Signals, Spec, finite_or
from genjax.errors import InputError, lookup
from genjax.limits import at_least, at_most

LEAST_RATE, MOST_WEIGHT = 0.01, 100.0  # bounds of the factor on the learning rates, and of that on the penalty
KNOBS = {"rate": "copies_rate", "penalty": "transfer_weight"}


@dataclass(frozen=True)
class MemorisationOptions:
    """Options of memorisation control."""

    copies: float = 0.0
    """Memorisation: share of samples of fixed latents that may copy a shot (.05), in adaptations; 0 is off."""
    copies_by: Literal["rate", "penalty"] = "rate"
    """Memorisation: what answers more copies, lower learning rates or a heavier penalty of the transfer."""
    copies_every: int = 20
    """Memorisation: steps between two looks at 16 samples."""

    def __post_init__(self) -> None:
        """Refuses a share outside of 0 to 1, and less than a step."""
        at_least("control", self, 0, "copies")
        at_most("control", self, 0.9999999, "copies")
        at_least("control", self, 1, "copies_every")


class MemorisationState(NamedTuple):
    """Float32 scalars ()."""

    copies: Array  # share that was measured last; 0 before
    integral: Array  # I, in [0, span]
    strength: Array  # logarithm of the knob, or of one over it, in [0, span]


def memorisation(
    target: float = 0.05,
    *,
    by: str = "rate",
    proportional: float = 2.0,
    integral: float = 2.0,
    bound: float = 0.0,
) -> Controller:
    """Sets `copies_rate` in [bound, 1] or `transfer_weight` in [1, bound] from the signal `copies`.

    A step that measured nothing, whose signal is NaN, leaves it as it is.

    Args:
        target: share of copies to hold, in [0, 1).
        by: "rate" or "penalty", the knob.
        proportional: gain Kp, in logarithms of the knob for a share of 1 above the target.
        integral: gain Ki, the same for each measurement: half of the samples copied take the rate to a sixth in one.
        bound: lowest rate in (0, 1), or highest weight above 1; 0 is .01, or 100.
    Raises:
        InputError: an unknown knob, or a bound on the wrong side of 1.
    """
    knob = lookup(KNOBS, by, "knob of memorisation control")
    sign = -1 if by == "rate" else 1
    bound = bound or (LEAST_RATE if by == "rate" else MOST_WEIGHT)
    if not (0 < bound < 1 if by == "rate" else 1 < bound < math.inf):
        raise InputError(f"a bound of {bound} was given, expected {'0 to 1' if by == 'rate' else 'a number above 1'}.")
    span = abs(math.log(bound))

    def init() -> MemorisationState:
        zero = jnp.zeros(())
        return MemorisationState(zero, zero, zero)

    def update(signals: Signals, state: MemorisationState) -> MemorisationState:
        measured = jnp.isfinite(signals["copies"])
        copies = jnp.clip(finite_or(signals["copies"], state.copies), 0.0, 1.0)
        # e = copies - target;  I += Ki e;  strength = Kp e + I
        error = copies - target
        # Held within the span: what is beyond it would have to be undone before the knob moves back.
        held = jnp.where(measured, jnp.clip(state.integral + integral * error, 0.0, span), state.integral)
        return MemorisationState(copies, held, jnp.clip(proportional * error + held, 0.0, span))

    def knobs(state: MemorisationState) -> Knobs:
        return {knob: jnp.exp(sign * state.strength), "copies_seen": state.copies}

    return Controller(init, update, knobs, reads=("copies",), sets=(knob, "copies_seen"), name="memorisation")


def build(options: MemorisationOptions, learner: Controllable) -> Sequence[Controller]:
    """Builds the controller from the options."""
    return (memorisation(options.copies, by=options.copies_by),)


SPEC = Spec(
    name="memorisation",
    summary="holds the share of samples that copy a shot",
    options=MemorisationOptions,
    switches={"copies": 0.05},
    build=build,
)
