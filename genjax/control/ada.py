"""Adaptive discriminator augmentation: keeps the critic from memorising a small set. (Karras et al. 2020, section 3.2)

The critic's mean sign on real images rises towards 1 as it overfits. The controller raises the probability of
augmentation while that mean is above the target and lowers it below. When: few real images. Without a bound the
probability has been seen to grow until augmentations leak into the samples; under 0.8 they do not (section 2.2).
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from genjax.control.controller import Controller, Knobs, Signals, finite_or


class AdaState(NamedTuple):
    """Everything is a float32 scalar ()."""

    probability: Array  # in [0, bound]
    sign_sum: Array  # of the steps since the last move
    images: Array  # seen since the last move
    steps: Array  # since the last move


def ada(*, target: float = 0.6, images_to_one: float = 500_000, interval: int = 4, bound: float = 0.8) -> Controller:
    """Sets `augment_probability` in [0, bound] from the signals `real_sign` and `images`.

    Args:
        target: of the mean sign of the critic's logits on real images, in (-1, 1).
        images_to_one: how many images it takes to move the probability by 1; 100,000 when adapting (paper: 500k, 100k).
        interval: steps that are averaged before each move.
        bound: the highest probability.
    """

    def init() -> AdaState:
        zero = jnp.zeros(())
        return AdaState(zero, zero, zero, zero)

    def update(signals: Signals, state: AdaState) -> AdaState:
        sign_sum = state.sign_sum + jnp.clip(finite_or(signals["real_sign"], jnp.asarray(target)), -1, 1)
        images = state.images + signals["images"]
        steps = state.steps + 1
        moved = state.probability + jnp.sign(sign_sum / steps - target) * images / images_to_one
        due = steps >= interval
        return AdaState(
            probability=jnp.where(due, jnp.clip(moved, 0, bound), state.probability),
            sign_sum=jnp.where(due, 0, sign_sum),
            images=jnp.where(due, 0, images),
            steps=jnp.where(due, 0, steps),
        )

    def knobs(state: AdaState) -> Knobs:
        return {"augment_probability": state.probability}

    return Controller(init, update, knobs, reads=("real_sign", "images"), sets=("augment_probability",))
