"""Generalised ELBO with constrained optimisation: reconstruct just well enough, then compress. (Rezende & Viola 2018)

Minimises the KL subject to a reconstruction error no larger than a tolerance. The Lagrange multiplier weighs the
reconstruction: it grows while the smoothed error is above the tolerance and shrinks below. When: instead of tuning beta
by hand for each data set.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from genjax.control.controller import Controller, Knobs, Signals, finite_or


class GecoState(NamedTuple):
    """Float32 scalars ()."""

    log_weight: Array  # within the logarithm of the bounds
    constraint: Array  # moving average of error - tolerance^2; NaN before the first step


def geco(
    *,
    tolerance: float,
    rate: float = 0.01,
    smoothing: float = 0.99,
    bounds: tuple[float, float] = (1e-3, 1e3),
) -> Controller:
    """Sets `reconstruction_weight` within `bounds` from the signal `squared_error` (per value, images in [-1, 1]).

    `log weight += rate * C_ma / tolerance^2`, where `C_ma` is the moving average of `squared_error - tolerance^2`. The
    division makes the rate free of units: with an error twice the tolerated one the weight grows by exp(rate) a step.

    Args:
        tolerance: root mean squared error to reach, kappa in the paper.
        rate: of the multiplier.
        smoothing: of the moving average, alpha in the paper (.99).
        bounds: of the weight, which starts at 1.
    """
    low, high = (math.log(bound) for bound in bounds)

    def init() -> GecoState:
        return GecoState(log_weight=jnp.zeros(()), constraint=jnp.full((), jnp.nan, jnp.float32))

    def update(signals: Signals, state: GecoState) -> GecoState:
        now = signals["squared_error"] / tolerance**2 - 1
        before = finite_or(state.constraint, now)
        constraint = finite_or(smoothing * before + (1 - smoothing) * now, before)
        step = rate * jnp.clip(finite_or(constraint, jnp.zeros(())), -1, 1)
        return GecoState(jnp.clip(state.log_weight + step, low, high), constraint)

    def knobs(state: GecoState) -> Knobs:
        return {"reconstruction_weight": jnp.exp(state.log_weight)}

    return Controller(init, update, knobs, reads=("squared_error",), sets=("reconstruction_weight",))
