"""Optimal sigma: the scale of the likelihood follows the error of the reconstruction. (Rybkin et al. 2021, eq. 5)

Under a Gaussian of scale sigma the squared error weighs 1/sigma^2, and the best sigma^2 is the mean squared error. With
the unit-scale likelihood this controller's weight gives the gradient of that Gaussian; the error is smoothed over steps
instead of taken from one batch. When: no tolerance is known, which GECO needs. Both set the same knob.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from genjax.control.controller import Controllable, Controller, Knobs, Signals, Spec, finite_or
from genjax.limits import at_least


@dataclass(frozen=True)
class SigmaOptions:
    """Options of optimal sigma."""

    optimal_sigma: float = 0.0
    """Optimal sigma: the least scale of the likelihood, which follows the error (.0025); 0 is off."""

    def __post_init__(self) -> None:
        """Refuses a scale that is negative or not finite."""
        at_least("control", self, 0, "optimal_sigma")


class SigmaState(NamedTuple):
    """A float32 scalar ()."""

    variance: Array  # moving average of the squared error; NaN before the first step


def optimal_sigma(*, smoothing: float = 0.9, floor: float = 0.0025, ceiling: float = 2.0) -> Controller:
    """Sets `reconstruction_weight` = 1 / sigma^2 in [1 / ceiling^2, 1 / floor^2] from the signal `squared_error`.

    Args:
        smoothing: decay of the moving average of the squared error (per value, images in [-1, 1]), in [0, 1).
        floor: least sigma; .0025 is a third of a grey level.
        ceiling: largest sigma; images in [-1, 1] are never further apart than 2.
    """

    def init() -> SigmaState:
        return SigmaState(jnp.full((), jnp.nan, jnp.float32))

    def update(signals: Signals, state: SigmaState) -> SigmaState:
        now = jnp.clip(finite_or(signals["squared_error"], state.variance), 0, ceiling**2)
        known = jnp.isfinite(state.variance)
        return SigmaState(jnp.where(known, smoothing * state.variance + (1 - smoothing) * now, now))

    def knobs(state: SigmaState) -> Knobs:
        variance = jnp.clip(finite_or(state.variance, jnp.ones(())), floor**2, ceiling**2)
        return {"reconstruction_weight": 1 / variance}  # 1 / sigma^2, with sigma^2 = E[(x - decoded)^2]   (eq. 5)

    sets = ("reconstruction_weight",)
    return Controller(init, update, knobs, reads=("squared_error",), sets=sets, name="optimal_sigma")


def build(options: SigmaOptions, learner: Controllable) -> Sequence[Controller]:
    """Builds the controller from the options."""
    return (optimal_sigma(floor=options.optimal_sigma),)


SPEC = Spec(
    name="optimal_sigma",
    summary="weighs the reconstruction by its own error",
    options=SigmaOptions,
    switches={"optimal_sigma": 0.0025},
    build=build,
)
