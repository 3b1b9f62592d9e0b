"""Anchors for LeCam regularisation: where the critic's logits have been of late. (Tseng et al. 2021, section 3.2)

The critic is held near what it said on the other side before (`genjax.losses.lecam`). The authors' weight is .3 under
the hinge loss and 1e-6 in StyleGAN2, whose logits are larger: the penalty is quadratic in them. Relative, the weight is
divided by the squared distance of the anchors, so that one value serves both. When: few real images, and a critic that
is unsteady.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from genjax.control.controller import Controller, Knobs, Signals, finite_or

FARTHEST = 1e4  # an anchor; logits beyond are a critic that has diverged
LEAST_SQUARED_DISTANCE = 1.0  # of the anchors: logits closer than that are not what the penalty is against


class LecamState(NamedTuple):
    """Float32 scalars ()."""

    real_anchor: Array
    fake_anchor: Array
    steps: Array


def lecam(*, weight: float = 0.3, decay: float = 0.99, start: int = 1000, relative: bool = True) -> Controller:
    """Sets `lecam_weight` in [0, weight] and the anchors within +-1e4 from `real_logit` and `fake_logit`.

    Args:
        weight: of the penalty.
        decay: of the moving averages, a in the paper (.99).
        start: updates before which the weight is 0, while the averages settle.
        relative: divide the weight by the squared distance of the anchors, where that is above 1.
    """

    def init() -> LecamState:
        zero = jnp.zeros(())
        return LecamState(zero, zero, zero)

    def update(signals: Signals, state: LecamState) -> LecamState:
        def follow(anchor: Array, logit: Array) -> Array:
            known = jnp.clip(finite_or(logit, anchor), -FARTHEST, FARTHEST)
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
    return Controller(init, update, knobs, reads=("real_logit", "fake_logit"), sets=names)
