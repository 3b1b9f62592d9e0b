"""Guidance: a velocity is pushed away from that of a worse or a more general model. (Ho & Salimans 2022)

The reference is the network without its condition (classifier-free guidance), a smaller or earlier model
(autoguidance, Karras et al. 2024), or the source that a model was adapted from (domain guidance, Zhong et al. 2025).
All three are one formula.
"""

import jax.numpy as jnp
from jax import Array

from genjax.families.flow.ode import Field


def guided(field: Field, reference: Field, weight: float, interval: tuple[float, float]) -> Field:
    """Returns the field that is guided by a reference at the times of an interval, elsewhere the field itself.

    Args:
        field: field of the model.
        reference: field of what it is to differ from.
        weight: 1 is the field itself, 0 the reference.
        interval: times, from the lower to the upper. (Kynkaanniemi et al. 2024)
    """
    low, high = interval

    def velocity(z: Array, time: Array) -> Array:
        own, other = field(z, time), reference(z, time)
        inside = (time >= low) & (time <= high)
        # v + (w - 1) (v - v_ref)
        return own + jnp.where(inside, weight - 1.0, 0.0) * (own - other)

    return velocity
