"""Adaptive loss weight: a second loss pulls as strongly as the first. (Esser et al. 2021, VQGAN, eq. 7)

Here the second loss is the transfer's penalty (EWC, CDC, ...), whose natural scale depends on the network. The norms
are over all trained numbers, where the paper takes the last layer. When: a penalty of which no good weight is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from genjax.control.controller import Controllable, Controller, Knobs, Signals, Spec, finite_or
from genjax.limits import at_least

SMALLEST = 1e-4  # delta in the authors' code: a gradient of the penalty below it hardly raises the weight further


@dataclass(frozen=True)
class AdaptiveWeightOptions:
    """Options of the adaptive loss weight."""

    transfer_ratio: float = 0.0
    """Adaptive weight of the transfer's penalty: its gradient as a multiple of the loss's; 0 is off. With
    l2_sp and ewc it must be well below 1: they pull back to the source, and win."""

    def __post_init__(self) -> None:
        """Refuses a ratio that is negative or not finite."""
        at_least("control", self, 0, "transfer_ratio")


class WeightState(NamedTuple):
    """A float32 scalar ()."""

    weight: Array  # in [0, bound]


def adaptive_weight(*, ratio: float = 1.0, bound: float = 1e4, smoothing: float = 0.9) -> Controller:
    """Sets `transfer_weight` in [0, bound] from `loss_gradient_norm` and `penalty_gradient_norm`.

    A penalty without a gradient, as at the source itself, leaves the weight as it is: at first 1.

    Args:
        ratio: norm of the penalty's weighted gradient to reach, as a multiple of the loss's.
        bound: highest weight.
        smoothing: decay of the weight's moving average, in [0, 1); the paper has none.
    """

    def init() -> WeightState:
        return WeightState(jnp.ones(()))

    def update(signals: Signals, state: WeightState) -> WeightState:
        loss, penalty = signals["loss_gradient_norm"], signals["penalty_gradient_norm"]
        # lambda = ratio * |grad loss| / (|grad penalty| + delta)
        wanted = jnp.clip(ratio * loss / (penalty + SMALLEST), 0, bound)
        known = jnp.isfinite(loss) & jnp.isfinite(penalty) & (penalty > 0)
        weight = jnp.where(known, finite_or(wanted, state.weight), state.weight)
        return WeightState(jnp.clip(smoothing * state.weight + (1 - smoothing) * weight, 0, bound))

    def knobs(state: WeightState) -> Knobs:
        return {"transfer_weight": state.weight}

    reads = ("loss_gradient_norm", "penalty_gradient_norm")
    return Controller(init, update, knobs, reads=reads, sets=("transfer_weight",), name="adaptive_weight")


def build(options: AdaptiveWeightOptions, learner: Controllable) -> Sequence[Controller]:
    """Builds the controller from the options."""
    return (adaptive_weight(ratio=options.transfer_ratio),)


SPEC = Spec(
    name="adaptive_weight",
    summary="weighs the transfer's penalty by the gradients",
    options=AdaptiveWeightOptions,
    switches={"transfer_ratio": 0.1},
    build=build,
)
