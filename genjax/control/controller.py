"""The shape of a controller: knobs that follow what training measures, as pure functions over an array state."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
from jax import Array

from genjax.errors import InputError, did_you_mean

Signals = Mapping[str, Array]
Knobs = dict[str, Array]


class Controller(NamedTuple):
    """An adaptation during training. It lives inside the jitted step; its state is part of the train state.

    Attributes:
        init: () -> state, a pytree of arrays.
        update: (signals, state) -> state. Signals are scalars measured in this step.
        knobs: state -> {name: scalar}, each within the bounds that the controller states.
        reads: names of the signals that `update` needs.
        sets: names of the knobs that it gives.
    """

    init: Callable[[], Any]
    update: Callable[[Signals, Any], Any]
    knobs: Callable[[Any], Knobs]
    reads: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()


def chain(*controllers: Controller) -> Controller:
    """Several controllers as one; chain() with none is the controller that sets nothing.

    Raises:
        InputError: two of them set the same knob.
    """
    owner: dict[str, int] = {}
    for index, controller in enumerate(controllers):
        for knob in controller.sets:
            if knob in owner:
                raise InputError(
                    f"controllers {owner[knob] + 1} and {index + 1} of the chain both set the knob {knob!r}. "
                    "Keep one of them."
                )
            owner[knob] = index

    def init() -> tuple[Any, ...]:
        return tuple(controller.init() for controller in controllers)

    def update(signals: Signals, state: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(c.update(signals, s) for c, s in zip(controllers, state, strict=True))

    def knobs(state: tuple[Any, ...]) -> Knobs:
        merged: Knobs = {}
        for controller, part in zip(controllers, state, strict=True):
            merged |= controller.knobs(part)
        return merged

    reads = tuple(dict.fromkeys(name for controller in controllers for name in controller.reads))
    return Controller(init, update, knobs, reads, tuple(owner))


def check(controller: Controller, *, signals: tuple[str, ...], knobs: tuple[str, ...]) -> None:
    """Whether a learner that measures `signals` and obeys `knobs` can work with this controller.

    Raises:
        InputError: it reads a signal that is not measured, or sets a knob that is not obeyed.
    """
    for name in controller.reads:
        if name not in signals:
            raise InputError(
                f"the controller reads the signal {name!r}, which this learner does not measure. "
                f"{did_you_mean(name, list(signals))}"
            )
    for name in controller.sets:
        if name not in knobs:
            raise InputError(
                f"the controller sets the knob {name!r}, which this learner does not obey. "
                f"{did_you_mean(name, list(knobs))}"
            )


def finite_or(value: Array, fallback: Array) -> Array:
    """`value` where it is finite, else `fallback`: one NaN must not live on in a controller's state."""
    return jax.numpy.where(jax.numpy.isfinite(value), value, fallback)
