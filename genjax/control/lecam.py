"""LeCam regularisation: anchors of the critic's logits, and its weight. (Tseng et al. 2021, section 3.2)

The penalty holds the critic's logits of real images near the anchor of generated ones, and the other way round
(`genjax.losses.lecam`). The authors' weight is .3 under the hinge loss and 1e-6 in StyleGAN2, whose logits are larger:
the penalty is quadratic in them. Relative, the weight is divided by the squared distance of the anchors, so that one
value serves both. When: few real images, and a critic that is unsteady.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from genjax.control.controller import Controllable, Controller, Knobs, Signals, Spec, finite_or
from genjax.limits import at_least

FARTHEST = 1e4  # bound of an anchor: a critic with larger logits has diverged
LEAST_SQUARED_DISTANCE = 1.0  # floor of the anchors' squared distance: the penalty is not meant for logits that close


@dataclass(frozen=True)
class LecamOptions:
    """Options of LeCam regularisation."""

    lecam_weight: float = 0.0
    """LeCam: weight, relative to the scale of the logits, of what holds them near their anchors; 0 is off."""
    lecam_start: int = 1000
    """LeCam: step from which on it weighs."""

    def __post_init__(self) -> None:
        """Refuses a weight or a step that is negative or not finite."""
        at_least("control", self, 0, "lecam_weight", "lecam_start")


class LecamState(NamedTuple):
    """Float32 scalars ()."""

    real_anchor: Array
    fake_anchor: Array
    steps: Array


def lecam(*, weight: float = 0.3, decay: float = 0.99, start: int = 1000, relative: bool = True) -> Controller:
    """Sets `lecam_weight` in [0, weight] and the anchors within +-1e4 from `real_logit` and `fake_logit`.

    Args:
        weight: weight of the penalty.
        decay: decay of the anchors' moving averages, in [0, 1); the paper's is .99.
        start: updates in which the weight is 0, while the averages settle.
        relative: divide the weight by the squared distance of the anchors, where that is above 1.
    """

    def init() -> LecamState:
        zero = jnp.zeros(())
        return LecamState(zero, zero, zero)

    def update(signals: Signals, state: LecamState) -> LecamState:
        def follow(anchor: Array, logit: Array) -> Array:
            known = jnp.clip(finite_or(logit, anchor), -FARTHEST, FARTHEST)
            # anchor = decay * anchor + (1 - decay) * E[D(x)]
            return decay * anchor + (1 - decay) * known

        return LecamState(
            follow(state.real_anchor, signals["real_logit"]),
            follow(state.fake_anchor, signals["fake_logit"]),
            jnp.minimum(state.steps + 1, 1e9),
        )

    def knobs(state: LecamState) -> Knobs:
        squared = jnp.square(state.real_anchor - state.fake_anchor)
        scale = jnp.maximum(squared, LEAST_SQUARED_DISTANCE) if relative else jnp.ones(())
        return {
            "lecam_weight": jnp.where(state.steps >= start, weight / scale, 0.0),
            "lecam_real_anchor": state.real_anchor,
            "lecam_fake_anchor": state.fake_anchor,
        }

    names = ("lecam_weight", "lecam_real_anchor", "lecam_fake_anchor")
    return Controller(init, update, knobs, reads=("real_logit", "fake_logit"), sets=names, name="lecam")


def build(options: LecamOptions, learner: Controllable) -> Sequence[Controller]:
    """Builds the controller from the options."""
    return (lecam(weight=options.lecam_weight, start=options.lecam_start),)


SPEC = Spec(
    name="lecam",
    summary="holds the critic's logits near their moving averages",
    options=LecamOptions,
    switches={"lecam_weight": 0.3},
    build=build,
)
