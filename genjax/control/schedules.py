"""Schedules: knobs that follow the number of updates alone, and read no signal.

Free bits, capacity, warm-up and cycles are for the KL of a VAE. The half cosines are for relaxed codes, which must be
soft at first, or the encoder has no gradients, and near one-hot at the end, or the decoder has never seen what it
decodes (Ramesh et al. 2021, appendix A.2); and for the last steps of any training whose length is known.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from genjax.control.controller import Controllable, Controller, Knobs, Signals, Spec, setting
from genjax.errors import InputError
from genjax.limits import above_zero, at_least, at_most


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


@dataclass(frozen=True)
class AnnealingOptions:
    """Options of the annealing of the learning rates."""

    anneal_steps: int = 0
    """Annealing: steps in which the learning rates fall along half a cosine, usually those of the run; 0 is off."""
    anneal_to: float = 0.01
    """Annealing: share of the learning rates that is left at the end."""

    def __post_init__(self) -> None:
        """Refuses a negative number of steps, and a share outside of 0 to 1."""
        at_least("control", self, 0, "anneal_steps", "anneal_to")
        at_most("control", self, 1, "anneal_to")


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


def temperature(steps: int, *, first: float = 1.0, last: float = 1 / 16) -> Controller:
    """Sets `temperature`, from `first` to `last` in `steps` updates; the paper's are 1, 1/16 and 150,000.

    Raises:
        InputError: a temperature that is not above 0, or a negative number of steps.
    """
    if not min(first, last) > 0 or not max(first, last) < math.inf:
        raise InputError(f"temperatures of {first} and {last} were given, expected numbers above 0.")
    return schedule("temperature", {"temperature": half_cosine(first, last, steps)})


def kl_annealing(steps: int, *, weight: float = 6.6) -> Controller:
    """Sets `kl_weight`, from 0 to `weight` in `steps` updates; the paper's are 6.6 and 5,000.

    Raises:
        InputError: a weight or a number of steps that is negative.
    """
    if not 0 <= weight < math.inf:
        raise InputError(f"a weight of {weight} was given, expected a number from 0 on.")
    return schedule("kl_annealing", {"kl_weight": half_cosine(0.0, weight, steps)})


def learning_rate_annealing(steps: int, *, last: float = 0.01) -> Controller:
    """Sets `annealed_rate`, from 1 to `last` in `steps` updates. (Loshchilov & Hutter 2017, without restarts)

    Raises:
        InputError: a scale outside of 0 to 1, or a negative number of steps.
    """
    if not 0 <= last <= 1:
        raise InputError(f"a last scale of {last} was given, expected a number from 0 to 1.")
    return schedule("learning_rate_annealing", {"annealed_rate": half_cosine(1.0, last, steps)})


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
ANNEALING = Spec(
    name="learning_rate_annealing",
    summary="lets the learning rates fall",
    options=AnnealingOptions,
    switches={"anneal_steps": 1000},
    build=lambda options, learner: (learning_rate_annealing(options.anneal_steps, last=options.anneal_to),),
)


def _check(name: str, value: float) -> None:
    if not 0 <= value < float("inf"):
        raise InputError(f"{name} of {value} were given, expected a number from 0 on.")
