"""Knobs that follow the number of updates alone: free bits, capacity, warm-up. They read no signal."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from genjax.control.controller import Controller, Knobs, Signals
from genjax.errors import InputError


class Clock(NamedTuple):
    """An int32 scalar ()."""

    updates: Array


def schedule(values: Mapping[str, Callable[[Array], Array]]) -> Controller:
    """Sets each knob to a function of the number of updates done, float32 ()."""

    def init() -> Clock:
        return Clock(jnp.zeros((), jnp.int32))

    def update(signals: Signals, state: Clock) -> Clock:
        return Clock(state.updates + 1)

    def knobs(state: Clock) -> Knobs:
        done = state.updates.astype(jnp.float32)
        return {name: jnp.asarray(value(done), jnp.float32) for name, value in values.items()}

    return Controller(init, update, knobs, reads=(), sets=tuple(values))


def free_bits(nats: float = 0.25) -> Controller:
    """Sets `free_nats`: what each latent may carry without cost. (Kingma et al. 2016, eq. 15)

    When: latents that are pressed to nothing before the decoder has learned to use them.
    """
    _check("free nats", nats)
    return schedule({"free_nats": lambda done: jnp.full((), nats)})


def capacity(final: float, *, steps: int, weight: float = 10.0) -> Controller:
    """Sets `kl_capacity`, from 0 to `final` nats in `steps` updates, and `kl_weight`. (Burgess et al. 2018, eq. 8)

    When: the latents are to be filled one after the other, the most important first.

    Args:
        final: nats per image.
        steps: updates in which it is reached.
        weight: gamma, of the distance to it.
    """
    _check("capacity", final)
    return schedule(
        {
            "kl_capacity": lambda done: final * jnp.minimum(1.0, done / max(1, steps)),
            "kl_weight": lambda done: jnp.full((), weight),
        }
    )


def warm_up(steps: int, *, weight: float = 1.0) -> Controller:
    """Sets `kl_weight`, from 0 to `weight` in `steps` updates. (Bowman et al. 2016, section 3.1)

    When: the decoder learns to ignore the latents in the first steps.
    """
    _check("warm-up steps", steps)
    return schedule({"kl_weight": lambda done: weight * jnp.minimum(1.0, done / max(1, steps))})


def cyclical(steps: int, *, cycles: int = 4, ramp: float = 0.5, weight: float = 1.0) -> Controller:
    """Sets `kl_weight`: it rises from 0 to `weight` again and again. (Fu et al. 2019, eq. 6 and 7)

    When: as `warm_up`, where one rise is not enough.

    Args:
        steps: updates of all cycles together; then the weight stays.
        cycles: M (4).
        ramp: R (.5), the part of a cycle in which the weight rises.
        weight: at the end of each rise.
    """
    _check("warm-up steps", steps)
    if cycles < 1 or not 0 < ramp <= 1:
        raise InputError(f"{cycles} cycles with a ramp of {ramp} were given, expected 1 or more and a part above 0.")
    period = max(1.0, steps / cycles)

    def value(done: Array) -> Array:
        within = jnp.where(done < steps, jnp.mod(done, period) / period, 1.0)
        return weight * jnp.minimum(1.0, within / ramp)

    return schedule({"kl_weight": value})


def _check(name: str, value: float) -> None:
    if not 0 <= value < float("inf"):
        raise InputError(f"{name} of {value} were given, expected a number from 0 on.")
