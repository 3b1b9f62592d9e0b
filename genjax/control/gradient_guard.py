"""Gradient guard: a gradient far longer than usual is shortened, or its step skipped.

The limit is the norm's moving mean plus a number of standard deviations, as in the training of large language models; a
fixed threshold (Child 2021, VDVAE, section B) can stop training for ever once the norm has outgrown it. This one
cannot: the statistics follow the norm, and after some updates in a row above the limit one is let through. When: rare
batches that throw a run off.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from genjax.control.controller import Controllable, Controller, Knobs, Signals, Spec
from genjax.errors import InputError
from genjax.limits import at_least

UNLIMITED = 1e9  # a limit that no gradient reaches, and finite, as every knob is


@dataclass(frozen=True)
class GradientGuardOptions:
    """Options of the gradient guard."""

    gradient_deviations: float = 0.0
    """Gradient guard: standard deviations above the usual norm from which on a gradient is shortened (3); 0 is off."""
    gradient_skip: bool = False
    """Gradient guard: skip such a step instead."""

    def __post_init__(self) -> None:
        """Refuses a number of deviations that is negative or not finite."""
        at_least("control", self, 0, "gradient_deviations")


class GuardState(NamedTuple):
    """Float32 scalars ()."""

    mean: Array  # moving average of the norm
    square: Array  # moving average of its square
    updates: Array  # updates done, counted up to 1e9
    above: Array  # updates in a row whose norm was above the limit


def gradient_guard(
    network: str,
    *,
    deviations: float = 3.0,
    decay: float = 0.99,
    start: int = 100,
    skip: bool = False,
    patience: int = 20,
) -> Controller:
    """Sets `{network}_gradient_limit` in (0, 1e9] and `{network}_gradient_skip` from `{network}_gradient_norm`.

    Args:
        network: network whose gradient is guarded, such as generator, critic or vae.
        deviations: standard deviations above the mean at which the limit lies.
        decay: decay of the moving averages, in [0, 1).
        start: updates without a limit, while the averages settle.
        skip: skip a step above the limit; otherwise its gradient is shortened to the limit.
        patience: updates in a row above the limit after which one is let through.
    Raises:
        InputError: deviations or patience that are not above 0.
    """
    if not deviations > 0 or patience < 1:
        raise InputError(f"{deviations} deviations and a patience of {patience} were given, expected above 0.")
    signal = f"{network}_gradient_norm"

    def limit_of(state: GuardState) -> Array:
        # limit = mean + deviations * sqrt(E[norm^2] - mean^2)
        spread = jnp.sqrt(jnp.maximum(state.square - jnp.square(state.mean), 0))
        # A hundredth of the mean at least: a norm that never varied would otherwise allow no other.
        limit = state.mean + deviations * jnp.maximum(spread, 0.01 * state.mean)
        free = (state.updates < start) | (state.above >= patience) | (limit <= 0)
        return jnp.where(free, UNLIMITED, jnp.minimum(limit, UNLIMITED))

    def init() -> GuardState:
        zero = jnp.zeros(())
        return GuardState(zero, zero, zero, zero)

    def update(signals: Signals, state: GuardState) -> GuardState:
        norm, limit = signals[signal], limit_of(state)
        known = jnp.isfinite(norm)
        # Let through, a norm enters as it is, or the averages would take long to reach it; otherwise twice the limit.
        taken = jnp.clip(jnp.where(known, norm, 0.0), 0, jnp.minimum(2 * limit, UNLIMITED))
        fresh = state.updates == 0
        mean = jnp.where(fresh, taken, decay * state.mean + (1 - decay) * taken)
        square = jnp.where(fresh, jnp.square(taken), decay * state.square + (1 - decay) * jnp.square(taken))
        above = jnp.where(norm > limit, state.above + 1, 0.0)
        moved = GuardState(mean, square, jnp.minimum(state.updates + 1, 1e9), above)
        return GuardState(*(jnp.where(known, new, old) for new, old in zip(moved, state, strict=True)))

    def knobs(state: GuardState) -> Knobs:
        return {
            f"{network}_gradient_limit": limit_of(state),
            f"{network}_gradient_skip": jnp.full((), float(skip)),
        }

    names = (f"{network}_gradient_limit", f"{network}_gradient_skip")
    return Controller(init, update, knobs, reads=(signal,), sets=names, name=f"gradient_guard of the {network}")


def build(options: GradientGuardOptions, learner: Controllable) -> Sequence[Controller]:
    """Builds a guard for each network of the learner from the options."""
    return tuple(
        gradient_guard(network, deviations=options.gradient_deviations, skip=options.gradient_skip)
        for network in learner.networks
    )


SPEC = Spec(
    name="gradient_guard",
    summary="shortens gradients that are far longer than usual",
    options=GradientGuardOptions,
    switches={"gradient_deviations": 3.0},
    build=build,
)
