"""The rule by which ADA and APA move: a probability that holds the critic's mean sign on real images at a target.

The sign rises towards 1 as the critic learns a small set by heart. (Karras et al. 2020, section 3.2)
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from genjax.control.controller import Controller, Knobs, Signals, finite_or


class ProbabilityState(NamedTuple):
    """Everything is a float32 scalar ()."""

    probability: Array  # in [0, bound]
    sign_sum: Array  # of the steps since the last move
    images: Array  # seen since the last move
    steps: Array  # since the last move


def hold_sign(knob: str, *, target: float, images_to_one: float, interval: int, bound: float) -> Controller:
    """Sets a probability in [0, bound] from the signals `real_sign` and `images`.

    Args:
        knob: its name.
        target: of the mean sign of the critic's logits on real images, in (-1, 1).
        images_to_one: how many images it takes to move the probability by 1.
        interval: steps that are averaged before each move.
        bound: the highest probability.
    """

    def init() -> ProbabilityState:
        zero = jnp.zeros(())
        return ProbabilityState(zero, zero, zero, zero)

    def update(signals: Signals, state: ProbabilityState) -> ProbabilityState:
        sign_sum = state.sign_sum + jnp.clip(finite_or(signals["real_sign"], jnp.asarray(target)), -1, 1)
        images = state.images + jnp.clip(finite_or(signals["images"], jnp.zeros(())), 0, 1e9)
        steps = state.steps + 1
        moved = state.probability + jnp.sign(sign_sum / steps - target) * images / images_to_one
        due = steps >= interval
        return ProbabilityState(
            probability=jnp.where(due, jnp.clip(moved, 0, bound), state.probability),
            sign_sum=jnp.where(due, 0, sign_sum),
            images=jnp.where(due, 0, images),
            steps=jnp.where(due, 0, steps),
        )

    def knobs(state: ProbabilityState) -> Knobs:
        return {knob: state.probability}

    return Controller(init, update, knobs, reads=("real_sign", "images"), sets=(knob,))
