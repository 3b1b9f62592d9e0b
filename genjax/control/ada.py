"""Adaptive discriminator augmentation: keeps the critic from memorising a small set. (Karras et al. 2020, section 3.2)

The critic's mean sign on real images rises towards 1 as it overfits. The controller raises the probability of
augmentation while that mean is above the target and lowers it below. When: few real images. Without a bound the
probability can grow until augmentations leak into the samples; under 0.8 they do not (section 2.2).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from genjax.control.controller import Controllable, Controller, Knobs, Signals, Spec, finite_or
from genjax.limits import above_zero, at_least, at_most


@dataclass(frozen=True)
class SpeedOptions:
    """The option that ADA and APA share: the speed of their probability."""

    ada_images: float = 100_000
    """ADA and APA: images in which their probability can go from 0 to 1."""

    def __post_init__(self) -> None:
        """Refuses a speed that is not finite or not above 0."""
        above_zero("control", self, "ada_images")


@dataclass(frozen=True)
class AdaOptions(SpeedOptions):
    """Options of adaptive discriminator augmentation."""

    ada_target: float = 0.6
    """Adaptive augmentation (ADA): the mean sign of the critic on real images to hold; 0 is off."""

    def __post_init__(self) -> None:
        """Refuses a target that no mean sign can reach."""
        SpeedOptions.__post_init__(self)
        at_least("control", self, 0, "ada_target")
        at_most("control", self, 0.9999999, "ada_target")


class ProbabilityState(NamedTuple):
    """Float32 scalars ()."""

    probability: Array  # in [0, bound]
    sign_sum: Array  # sum of the mean signs since the last move
    images: Array  # images seen since the last move
    steps: Array  # steps since the last move


def ada(*, target: float = 0.6, images_to_one: float = 500_000, interval: int = 4, bound: float = 0.8) -> Controller:
    """Sets `augment_probability` in [0, bound] from the signals `real_sign` and `images`.

    Args:
        target: mean sign of the critic's logits on real images to hold, in (-1, 1).
        images_to_one: images that move the probability by 1; the paper's are 500,000, and 100,000 when adapting.
        interval: steps that are averaged before each move.
        bound: highest probability.
    """
    return hold_sign("ada", "augment_probability", target, images_to_one, interval=interval, bound=bound)


def hold_sign(name: str, knob: str, target: float, images_to_one: float, *, interval: int, bound: float) -> Controller:
    """Moves a probability so that the critic's mean sign on real images stays at a target.

    Args:
        name: mechanism, for error messages.
        knob: name of the probability, which stays in [0, bound].
        target: mean sign to hold, in (-1, 1).
        images_to_one: images that move the probability by 1.
        interval: steps that are averaged before each move.
        bound: highest probability.
    Returns:
        A controller that reads `real_sign` and `images`.
    """

    def init() -> ProbabilityState:
        zero = jnp.zeros(())
        return ProbabilityState(zero, zero, zero, zero)

    def update(signals: Signals, state: ProbabilityState) -> ProbabilityState:
        # r_t = E[sign(D(real))], the paper's second heuristic (eq. 1)
        sign_sum = state.sign_sum + jnp.clip(finite_or(signals["real_sign"], jnp.asarray(target)), -1, 1)
        images = state.images + jnp.clip(finite_or(signals["images"], jnp.zeros(())), 0, 1e9)
        steps = state.steps + 1
        # p += sign(r_t - target) * images / images_to_one
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

    return Controller(init, update, knobs, reads=("real_sign", "images"), sets=(knob,), name=name)


def build(options: AdaOptions, learner: Controllable) -> Sequence[Controller]:
    """Builds the controller from the options."""
    return (ada(target=options.ada_target, images_to_one=options.ada_images),)


SPEC = Spec(
    name="ada",
    summary="augments the critic's images while it overfits",
    options=AdaOptions,
    switches={"ada_target": 0.6},
    build=build,
)
