"""Adaptive loss weight: a second loss pulls as strongly as the first. (Esser et al. 2021, VQGAN, eq. 7)

`weight = ratio * |gradient of the loss| / (|gradient of the penalty| + 1e-4)`. Here the second loss is the transfer's
penalty (EWC, CDC, ...), whose natural scale depends on the network. The norms are over all trained numbers, where the
paper takes the last layer. When: a penalty of which no good weight is known.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from genjax.control.controller import Controller, Knobs, Signals, finite_or

SMALLEST = 1e-4  # gradient of the penalty, below which the weight does not grow


class WeightState(NamedTuple):
    """A float32 scalar ()."""

    weight: Array  # in [0, bound]


def adaptive_weight(*, ratio: float = 1.0, bound: float = 1e4, smoothing: float = 0.9) -> Controller:
    """Sets `transfer_weight` in [0, bound] from `loss_gradient_norm` and `penalty_gradient_norm`.

    A penalty without a gradient, as at the source itself, leaves the weight as it is: at first 1.

    Args:
        ratio: of the two gradients that is wanted.
        bound: the highest weight.
        smoothing: of the weight; the paper has none.
    """

    def init() -> WeightState:
        return WeightState(jnp.ones(()))

    def update(signals: Signals, state: WeightState) -> WeightState:
        loss, penalty = signals["loss_gradient_norm"], signals["penalty_gradient_norm"]
        wanted = jnp.clip(ratio * loss / (penalty + SMALLEST), 0, bound)
        known = jnp.isfinite(loss) & jnp.isfinite(penalty) & (penalty > 0)
        weight = jnp.where(known, finite_or(wanted, state.weight), state.weight)
        return WeightState(jnp.clip(smoothing * state.weight + (1 - smoothing) * weight, 0, bound))

    def knobs(state: WeightState) -> Knobs:
        return {"transfer_weight": state.weight}

    return Controller(
        init, update, knobs, reads=("loss_gradient_norm", "penalty_gradient_norm"), sets=("transfer_weight",)
    )
