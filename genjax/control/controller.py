"""The Controller: knobs that follow what training measures; and the Spec by which a mechanism describes itself."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from genjax.errors import InputError, did_you_mean

Signals = Mapping[str, Array]
Knobs = dict[str, Array]

BALANCE = "the balance of the same two terms"  # a claim: reconstruction and KL cannot both be held at a target


class Controller(NamedTuple):
    """An adaptation during training. It runs inside the jitted step, and its state is part of the train state.

    Attributes:
        init: () -> state, a pytree of arrays.
        update: (signals, state) -> state. Signals are scalars () measured in this step.
        knobs: state -> {name: scalar ()}, each within the bounds that the controller states.
        reads: names of the signals that `update` needs.
        sets: names of the knobs that it gives.
        name: name of the mechanism, for error messages.
    """

    init: Callable[[], Any]
    update: Callable[[Signals, Any], Any]
    knobs: Callable[[Any], Knobs]
    reads: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    name: str = "a controller"


class Setting(NamedTuple):
    """A knob's value in the config of a model, which it has as long as no controller sets it.

    Attributes:
        option: option that gives the value, such as "--vae.kl-weight".
        words: meaning of the knob, as in "the weight of the KL".
        value: number that was given; 1 is neutral.
    """

    option: str
    words: str
    value: float


class Controllable(NamedTuple):
    """The signals that a learner measures and the knobs that it obeys, stated by its family before it is built.

    Attributes:
        name: kind of the learner in error messages, such as "GAN".
        signals: names of the signals that it measures.
        knobs: names of the knobs that it obeys.
        networks: networks with gradients of their own, each with the signal and knobs of a gradient guard.
        settings: {knob: its value in the model's config}, for knobs that the config sets as well.
    """

    name: str
    signals: tuple[str, ...]
    knobs: tuple[str, ...]
    networks: tuple[str, ...] = ()
    settings: Mapping[str, Setting] = {}


def joined(name: str, parts: Sequence[Controllable]) -> Controllable:
    """Returns the signals, knobs and networks of several learners of one model, under this name."""
    return Controllable(
        name,
        tuple(dict.fromkeys(signal for part in parts for signal in part.signals)),
        tuple(dict.fromkeys(knob for part in parts for knob in part.knobs)),
        tuple(network for part in parts for network in part.networks),
    )


def without_annealing(learner: Controllable) -> Controllable:
    """Returns a learner less the knob of annealing, for a stage that anneals its rate over its own steps."""
    return learner._replace(knobs=tuple(knob for knob in learner.knobs if knob != "annealed_rate"))


class Spec(NamedTuple):
    """A mechanism's description of itself: its options, and how they become controllers.

    It fits the learners that measure all signals that its controllers read and obey all knobs that they set, and it
    clashes with the mechanisms that set one of the same knobs. Other clashes are stated by `claims`.

    Attributes:
        name: name of the mechanism.
        summary: effect of the mechanism in a few words, as in "holds the KL by its weight".
        options: frozen dataclass of plain values, whose `__post_init__` refuses values that no training could use.
        switches: {option that turns it on: a usual value}; it is off while all of them are 0.
        build: (options, learner) -> its controllers. It is called only with options that turn it on, among those of all
            other mechanisms. It returns none if it has nothing to do for this learner.
        needs: options that must not be 0 while it is on.
        claims: things that only one of the mechanisms that are on may set, beside knobs.
        scales: knobs that it sets to multiples of the config's value, instead of replacing it.
    """

    name: str
    summary: str
    options: type
    switches: Mapping[str, float]
    build: Callable[[Any, Controllable], Sequence[Controller]]
    needs: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    scales: tuple[str, ...] = ()


def chain(*controllers: Controller) -> Controller:
    """Combines controllers into one that updates each with the same signals; chain() is one that sets nothing.

    Args:
        controllers: in the order of their states in the chain's state, a tuple.
    Raises:
        InputError: two of them set the same knob.
    """
    owner: dict[str, int] = {}
    for index, controller in enumerate(controllers):
        for knob in controller.sets:
            if knob in owner:
                raise InputError(
                    f"controllers {owner[knob] + 1} and {index + 1} of the chain "
                    f"({controllers[owner[knob]].name} and {controller.name}) both set the knob {knob!r}. "
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
    return Controller(init, update, knobs, reads, tuple(owner), name="a chain")


def check(controller: Controller, *, signals: tuple[str, ...], knobs: tuple[str, ...]) -> None:
    """Refuses a controller that a learner with these signals and knobs cannot work with.

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


def lacking(controller: Controller, learner: Controllable) -> tuple[str, ...]:
    """Returns the signals and knobs that the controller needs and the learner does not have; none if it fits."""
    signals = [name for name in controller.reads if name not in learner.signals]
    return (*signals, *(name for name in controller.sets if name not in learner.knobs))


def setting(learner: Controllable, knob: str) -> float:
    """Returns the value of a knob in the model's config; 1 where the config has none."""
    return learner.settings[knob].value if knob in learner.settings else 1.0


def finite_or(value: Array, fallback: Array) -> Array:
    """Returns `value` where it is finite, else `fallback`: one NaN must not stay in a controller's state."""
    return jnp.where(jnp.isfinite(value), value, fallback)
