"""Balance of critic and generator: the one that is ahead learns more slowly until the other has caught up.

The critic's accuracy, in the middle between real and generated images, is held in a band by the ratio of the learning
rates; two rates as such are those of Heusel et al. 2017 (TTUR), whose ratio is fixed. When: a critic that wins at once,
or a generator that outruns it, and the loss cannot be changed.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from genjax.control.controller import Controller, Knobs, Signals, finite_or
from genjax.errors import InputError


class BalanceState(NamedTuple):
    """Float32 scalars ()."""

    accuracy: Array  # moving average, in [0, 1]
    log_ratio: Array  # of the generator's rate to the critic's, within +-log(bound)


def balance(
    *, band: tuple[float, float] = (0.6, 0.8), rate: float = 0.01, decay: float = 0.99, bound: float = 4.0
) -> Controller:
    """Sets `critic_rate` and `generator_rate`, each in [1 / bound, 1], from `real_accuracy` and `fake_accuracy`.

    Args:
        band: of the accuracy; inside it both rates go back to 1.
        rate: by which the logarithm of their ratio moves a step.
        decay: of the moving average of the accuracy.
        bound: the largest ratio.
    Raises:
        InputError: a band that is none.
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
        outside = jnp.where(accuracy > high, rate, 0.0) - jnp.where(accuracy < low, rate, 0.0)
        back = -jnp.sign(state.log_ratio) * jnp.minimum(rate, jnp.abs(state.log_ratio))
        moved = state.log_ratio + jnp.where(outside == 0, back, outside)
        return BalanceState(accuracy, jnp.clip(moved, -most, most))

    def knobs(state: BalanceState) -> Knobs:
        return {
            "critic_rate": jnp.exp(-jnp.maximum(state.log_ratio, 0)),
            "generator_rate": jnp.exp(jnp.minimum(state.log_ratio, 0)),
        }

    return Controller(
        init, update, knobs, reads=("real_accuracy", "fake_accuracy"), sets=("critic_rate", "generator_rate")
    )
