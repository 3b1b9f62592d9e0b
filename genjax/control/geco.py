"""Generalised ELBO with constrained optimisation: reconstruct just well enough, then compress. (Rezende & Viola 2018)

Minimises the KL subject to a reconstruction error no larger than a tolerance. The Lagrange multiplier weighs the
reconstruction: it grows while the smoothed error is above the tolerance and shrinks below. When: beta would otherwise
be tuned by hand for each data set.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from genjax.control.controller import BALANCE, Controllable, Controller, Knobs, Signals, Spec, finite_or
from genjax.limits import at_least


@dataclass(frozen=True)
class GecoOptions:
    """Options of GECO."""

    geco_tolerance: float = 0.2
    """GECO: root mean squared error of the reconstruction to hold, images in [-1, 1]; 0 is off."""

    def __post_init__(self) -> None:
        """Refuses a tolerance that is negative or not finite."""
        at_least("control", self, 0, "geco_tolerance")


class GecoState(NamedTuple):
    """Float32 scalars ()."""

    log_weight: Array  # log of the weight, within the logarithms of the bounds
    constraint: Array  # moving average of error / tolerance^2 - 1; NaN before the first step


def geco(
    *,
    tolerance: float,
    rate: float = 0.01,
    smoothing: float = 0.99,
    bounds: tuple[float, float] = (1e-3, 1e3),
) -> Controller:
    """Sets `reconstruction_weight` within `bounds` from the signal `squared_error` (per value, images in [-1, 1]).

    The constraint is divided by tolerance^2, which makes the rate free of units: with an error twice the tolerated one
    the weight grows by exp(rate) a step.

    Args:
        tolerance: root mean squared error to reach, above 0; kappa in the paper.
        rate: largest change of the logarithm of the weight in a step.
        smoothing: decay of the constraint's moving average, in [0, 1); alpha in the paper (.99).
        bounds: lowest and highest weight; it starts at 1.
    """
    low, high = (math.log(bound) for bound in bounds)

    def init() -> GecoState:
        return GecoState(log_weight=jnp.zeros(()), constraint=jnp.full((), jnp.nan, jnp.float32))

    def update(signals: Signals, state: GecoState) -> GecoState:
        # C = (squared error - tolerance^2) / tolerance^2; C_ma = alpha C_ma + (1 - alpha) C   (algorithm 1)
        now = signals["squared_error"] / tolerance**2 - 1
        before = finite_or(state.constraint, now)
        constraint = finite_or(smoothing * before + (1 - smoothing) * now, before)
        # weight *= exp(rate * C_ma), with C_ma within +-1
        step = rate * jnp.clip(finite_or(constraint, jnp.zeros(())), -1, 1)
        return GecoState(jnp.clip(state.log_weight + step, low, high), constraint)

    def knobs(state: GecoState) -> Knobs:
        return {"reconstruction_weight": jnp.exp(state.log_weight)}

    return Controller(init, update, knobs, reads=("squared_error",), sets=("reconstruction_weight",), name="geco")


def build(options: GecoOptions, learner: Controllable) -> Sequence[Controller]:
    """Builds the controller from the options."""
    return (geco(tolerance=options.geco_tolerance),)


SPEC = Spec(
    name="geco",
    summary="holds the error of the reconstruction by its weight",
    options=GecoOptions,
    switches={"geco_tolerance": 0.2},
    build=build,
    claims=(BALANCE,),
)
