"""Schedules of a VAE's KL: free bits, capacity, warm-up and cycles."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import Array

from genjax.control.controller import Controllable, Controller, Spec, setting
from genjax.control.schedules.schedule import schedule
from genjax.errors import InputError
from genjax.limits import above_zero, at_least


@dataclass(frozen=True)
class FreeBitsOptions:
    """Options of the free bits."""

    free_nats: float = 0.0
    """Free bits: nats that each latent may carry without cost (the paper: .25); 0 is off."""

    def __post_init__(self) -> None:
        """Refuses nats that are negative or not finite."""
        at_least("control", self, 0, "free_nats")


@dataclass(frozen=True)
class WarmUpOptions:
    """Options of the warm-up."""

    warm_up_steps: int = 0
    """Warm-up: steps in which the weight of the KL, or its capacity, rises from 0; 0 is off."""

    def __post_init__(self) -> None:
        """Refuses a negative number of steps."""
        at_least("control", self, 0, "warm_up_steps")


@dataclass(frozen=True)
class CyclicalOptions(WarmUpOptions):
    """Options of the cyclical warm-up."""

    warm_up_cycles: int = 0
    """Warm-up: how often it begins again, each with half of a cycle to rise; 0 is a single linear rise."""

    def __post_init__(self) -> None:
        """Refuses negative numbers of steps and cycles."""
        WarmUpOptions.__post_init__(self)
        at_least("control", self, 0, "warm_up_cycles")


@dataclass(frozen=True)
class CapacityOptions(WarmUpOptions):
    """Options of the capacity."""

    kl_capacity: float = 0.0
    """Capacity: nats per image to which the KL is raised in the warm-up steps, if any, and held; 0 is off."""
    kl_capacity_weight: float = 10.0
    """Capacity: weight of the distance to it, gamma."""

    def __post_init__(self) -> None:
        """Refuses a capacity that is negative, and a weight that is not above 0."""
        WarmUpOptions.__post_init__(self)
        at_least("control", self, 0, "kl_capacity")
        above_zero("control", self, "kl_capacity_weight")


def free_bits(nats: float = 0.25) -> Controller:
    """Sets `free_nats`, the nats that each latent may carry without cost. (Kingma et al. 2016, eq. 15)

    When: latents that are pressed to nothing before the decoder has learned to use them.
    """
    _check("free nats", nats)
    return schedule("free_bits", {"free_nats": lambda done: jnp.full((), nats)})


def capacity(final: float, *, steps: int, weight: float = 10.0) -> Controller:
    """Sets `kl_capacity`, from 0 to `final` nats in `steps` updates, and `kl_weight`. (Burgess et al. 2018, eq. 8)

    When: the latents are to be filled one after the other, the most important first.

    Args:
        final: nats per image that are reached.
        steps: updates in which they are reached.
        weight: weight of the distance between KL and capacity, gamma.
    """
    _check("capacity", final)
    return schedule(
        "capacity",
        {
            # loss = ... + gamma |KL - C|, with C = final * done / steps
            "kl_capacity": lambda done: final * jnp.minimum(1.0, done / max(1, steps)),
            "kl_weight": lambda done: jnp.full((), weight),
        },
    )


def warm_up(steps: int, *, weight: float = 1.0) -> Controller:
    """Sets `kl_weight`, from 0 to `weight` in `steps` updates. (Bowman et al. 2016, section 3.1)

    When: the decoder learns to ignore the latents in the first steps.
    """
    _check("warm-up steps", steps)
    return schedule("warm_up", {"kl_weight": lambda done: weight * jnp.minimum(1.0, done / max(1, steps))})


def cyclical(steps: int, *, cycles: int = 4, ramp: float = 0.5, weight: float = 1.0) -> Controller:
    """Sets `kl_weight`, which rises from 0 to `weight` again and again. (Fu et al. 2019, eq. 6 and 7)

    When: as for `warm_up`, where one rise is not enough.

    Args:
        steps: updates of all cycles together; then the weight stays.
        cycles: number of cycles, M (4).
        ramp: part of a cycle in which the weight rises, R (.5), in (0, 1].
        weight: weight at the end of each rise.
    Raises:
        InputError: no cycle, a ramp outside of (0, 1], or a negative number of steps.
    """
    _check("warm-up steps", steps)
    if cycles < 1 or not 0 < ramp <= 1:
        raise InputError(f"{cycles} cycles with a ramp of {ramp} were given, expected 1 or more and a part above 0.")
    period = max(1.0, steps / cycles)

    def value(done: Array) -> Array:
        # tau = mod(done, T / M) / (T / M);  beta = min(1, tau / R)
        within = jnp.where(done < steps, jnp.mod(done, period) / period, 1.0)
        return weight * jnp.minimum(1.0, within / ramp)

    return schedule("cyclical", {"kl_weight": value})


def build_capacity(options: CapacityOptions, learner: Controllable) -> Sequence[Controller]:
    """Builds the capacity, which rises in the warm-up steps, from the options."""
    return (capacity(options.kl_capacity, steps=options.warm_up_steps, weight=options.kl_capacity_weight),)


def build_cyclical(options: CyclicalOptions, learner: Controllable) -> Sequence[Controller]:
    """Builds the cyclical warm-up to the config's weight of the KL from the options."""
    return (cyclical(options.warm_up_steps, cycles=options.warm_up_cycles, weight=setting(learner, "kl_weight")),)


def build_warm_up(options: Any, learner: Controllable) -> Sequence[Controller]:
    """Builds the warm-up to the config's weight of the KL; none where a capacity or cycles have its steps."""
    if options.kl_capacity or options.warm_up_cycles:
        return ()
    return (warm_up(options.warm_up_steps, weight=setting(learner, "kl_weight")),)


FREE_BITS = Spec(
    name="free_bits",
    summary="lets each latent carry some nats without cost",
    options=FreeBitsOptions,
    switches={"free_nats": 0.25},
    build=lambda options, learner: (free_bits(options.free_nats),),
)
CAPACITY = Spec(
    name="capacity",
    summary="raises the KL to a capacity and holds it there",
    options=CapacityOptions,
    switches={"kl_capacity": 25.0},
    build=build_capacity,
)
CYCLICAL = Spec(
    name="cyclical",
    summary="lets the weight of the KL rise again and again",
    options=CyclicalOptions,
    switches={"warm_up_cycles": 4},
    build=build_cyclical,
    needs=("warm_up_steps",),
    scales=("kl_weight",),
)
WARM_UP = Spec(
    name="warm_up",
    summary="lets the weight of the KL rise once",
    options=WarmUpOptions,
    switches={"warm_up_steps": 1000},
    build=build_warm_up,
    scales=("kl_weight",),
)


def _check(name: str, value: float) -> None:
    if not 0 <= value < float("inf"):
        raise InputError(f"{name} of {value} were given, expected a number from 0 on.")
