"""Balance of critic and generator: the one that is ahead learns more slowly until the other has caught up.

The ratio of their learning rates holds the critic's accuracy, averaged over real and generated images, in a band. Two
learning rates are those of Heusel et al. 2017 (TTUR), whose ratio is fixed. When: a critic that wins at once, or a
generator that outruns it, and the loss cannot be changed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from genjax.control.controller import Controllable, Controller, Knobs, Signals, Spec, finite_or
from genjax.errors import InputError
from genjax.limits import at_least, at_most


@dataclass(frozen=True)
class BalanceOptions:
    """Options of the balance of critic and generator."""

    balance_low: float = 0.0
    """Balance: the critic's accuracy under which the generator learns more slowly; 0 is off."""
    balance_high: float = 0.8
    """Balance: the critic's accuracy above which the critic learns more slowly."""

    def __post_init__(self) -> None:
        """Refuses accuracies outside of [0, 1)."""
        at_least("control", self, 0, "balance_low")
        at_most("control", self, 0.9999999, "balance_low", "balance_high")


class BalanceState(NamedTuple):
    """Float32 scalars ()."""

    accuracy: Array  # moving average, in [0, 1]
    log_ratio: Array  # log(generator's rate / critic's rate), within +-log(bound)


def balance(
    *, band: tuple[float, float] = (0.6, 0.8), rate: float = 0.01, decay: float = 0.99, bound: float = 4.0
) -> Controller:
    """Sets `critic_rate` and `generator_rate`, each in [1 / bound, 1], from `real_accuracy` and `fake_accuracy`.

    Args:
        band: lowest and highest accuracy, in [0, 1]; between them both rates go back to 1.
        rate: distance that the logarithm of their ratio moves in a step.
        decay: decay of the accuracy's moving average, in [0, 1).
        bound: largest ratio, above 1.
    Raises:
        InputError: a band that is not two rising numbers from 0 to 1.
    """
    low, high = band
    if not 0 <= low < high <= 1:
        raise InputError(f"a band from {low} to {high} was given, expected two rising numbers from 0 to 1.")
    most = math.log(bound)

    def init() -> BalanceState:
        return BalanceState(jnp.full((), (low + high) / 2, jnp.float32), jnp.zeros(()))

    def update(signals: Signals, state: BalanceState) -> BalanceState:
        now = 0.5 * (signals["real_accuracy"] + signals["fake_accuracy"])
        accuracy = decay * state.accuracy + (1 - decay) * jnp.clip(finite_or(now, state.accuracy), 0, 1)
        # log(ratio) moves by the rate while outside of the band, and back towards 0 by at most the rate inside
        outside = jnp.where(accuracy > high, rate, 0.0) - jnp.where(accuracy < low, rate, 0.0)
        back = -jnp.sign(state.log_ratio) * jnp.minimum(rate, jnp.abs(state.log_ratio))
        moved = state.log_ratio + jnp.where(outside == 0, back, outside)
        return BalanceState(accuracy, jnp.clip(moved, -most, most))

    def knobs(state: BalanceState) -> Knobs:
        # Only the one that is ahead is slowed down: generator rate / critic rate = exp(log_ratio), and the larger is 1.
        return {
            "critic_rate": jnp.exp(-jnp.maximum(state.log_ratio, 0)),
            "generator_rate": jnp.exp(jnp.minimum(state.log_ratio, 0)),
        }

    reads = ("real_accuracy", "fake_accuracy")
    return Controller(init, update, knobs, reads=reads, sets=("critic_rate", "generator_rate"), name="balance")


def build(options: BalanceOptions, learner: Controllable) -> Sequence[Controller]:
    """Builds the controller from the options."""
    return (balance(band=(options.balance_low, options.balance_high)),)


SPEC = Spec(
    name="balance",
    summary="slows down the critic or the generator, whichever is ahead",
    options=BalanceOptions,
    switches={"balance_low": 0.6},
    build=build,
)
