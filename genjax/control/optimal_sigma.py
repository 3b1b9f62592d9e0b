"""Optimal sigma: the scale of the likelihood follows the error of the reconstruction. (Rybkin et al. 2021, eq. 5)

Under a Gaussian of scale sigma the squared error weighs 1/sigma^2, and the best sigma^2 is the mean squared error. With
the unit-scale likelihood this controller's weight gives the same gradient, of an error that is smoothed over steps
instead of taken from one batch. When: no tolerance is known, unlike GECO. It sets the same knob.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from genjax.control.controller import Controller, Knobs, Signals, finite_or


class SigmaState(NamedTuple):
    """A float32 scalar ()."""

    variance: Array  # moving average of the squared error; NaN before the first step


def optimal_sigma(*, smoothing: float = 0.9, floor: float = 0.0025, ceiling: float = 2.0) -> Controller:
    """Sets `reconstruction_weight` = 1 / sigma^2 in [1 / ceiling^2, 1 / floor^2] from the signal `squared_error`.

    Args:
        smoothing: of the squared error (per value, images in [-1, 1]).
        floor: the least sigma; .0025 is a third of a grey level.
        ceiling: the largest; images in [-1, 1] are never further apart than 2.
    """

    def init() -> SigmaState:
        return SigmaState(jnp.full((), jnp.nan, jnp.float32))

    def update(signals: Signals, state: SigmaState) -> SigmaState:
        now = jnp.clip(finite_or(signals["squared_error"], state.variance), 0, ceiling**2)
        known = jnp.isfinite(state.variance)
        return SigmaState(jnp.where(known, smoothing * state.variance + (1 - smoothing) * now, now))

    def knobs(state: SigmaState) -> Knobs:
        variance = jnp.clip(finite_or(state.variance, jnp.ones(())), floor**2, ceiling**2)
        return {"reconstruction_weight": 1 / variance}

    return Controller(init, update, knobs, reads=("squared_error",), sets=("reconstruction_weight",))
