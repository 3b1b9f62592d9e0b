"""A schedule of knobs by the number of updates, and the half cosine that most of them take."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from genjax.control.controller import Controller, Knobs, Signals
from genjax.errors import InputError


class Clock(NamedTuple):
    """An int32 scalar ()."""

    updates: Array  # updates done


def schedule(name: str, values: Mapping[str, Callable[[Array], Array]]) -> Controller:
    """Sets each knob to a function of the number of updates done, a float32 scalar ().

    Args:
        name: mechanism, for error messages.
        values: {knob: updates done -> its value}.
    """

    def init() -> Clock:
        return Clock(jnp.zeros((), jnp.int32))

    def update(signals: Signals, state: Clock) -> Clock:
        return Clock(state.updates + 1)

    def knobs(state: Clock) -> Knobs:
        done = state.updates.astype(jnp.float32)
        return {knob: jnp.asarray(value(done), jnp.float32) for knob, value in values.items()}

    return Controller(init, update, knobs, reads=(), sets=tuple(values), name=name)


def half_cosine(first: float, last: float, steps: int) -> Callable[[Array], Array]:
    """Returns a function of the updates done that goes from `first` to `last` in `steps`, flat at both ends.

    With 0 steps it is `last` from the beginning.

    Raises:
        InputError: a negative number of steps.
    """
    if not 0 <= steps < math.inf:
        raise InputError(f"{steps} steps were given, expected 0 or more.")

    def value(done: Array) -> Array:
        part = jnp.minimum(1.0, done / steps) if steps else jnp.ones_like(done)
        # last + (first - last) (1 + cos(pi t)) / 2
        return last + (first - last) * 0.5 * (1 + jnp.cos(jnp.pi * part))

    return value
