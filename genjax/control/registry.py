"""The list of all mechanisms, the options that they have together, and the controllers that they give a learner."""

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from genjax.control.ada import SPEC as ADA
from genjax.control.adaptive_weight import SPEC as ADAPTIVE_WEIGHT
from genjax.control.apa import SPEC as APA
from genjax.control.balance import SPEC as BALANCE_OF_RATES
from genjax.control.collapse_guard import SPEC as COLLAPSE_GUARD
from genjax.control.controller import BALANCE, Controllable, Controller, Spec, chain, lacking
from genjax.control.critic_steps import SPEC as CRITIC_STEPS
from genjax.control.geco import SPEC as GECO
from genjax.control.gradient_guard import SPEC as GRADIENT_GUARD
from genjax.control.lecam import SPEC as LECAM
from genjax.control.memorisation import SPEC as MEMORISATION
from genjax.control.optimal_sigma import SPEC as OPTIMAL_SIGMA
from genjax.control.pi_control import SPEC as PI_CONTROL
from genjax.control.schedules.cosines import ANNEALING
from genjax.control.schedules.kl import CAPACITY, CYCLICAL, FREE_BITS, WARM_UP
from genjax.control.schedules.recipe import SPEC as RECIPE
from genjax.control.schedules.top_k import SPEC as TOP_K
from genjax.errors import InputError
from genjax.limits import option

CONTROLLERS: tuple[Spec, ...] = (  # in the order of the chain
    ADA,
    APA,
    LECAM,
    CRITIC_STEPS,
    BALANCE_OF_RATES,
    GECO,
    OPTIMAL_SIGMA,
    FREE_BITS,
    PI_CONTROL,
    WARM_UP,  # before those whose options are subclasses of its own
    CAPACITY,
    CYCLICAL,
    ANNEALING,
    RECIPE,
    TOP_K,
    ADAPTIVE_WEIGHT,
    MEMORISATION,
    GRADIENT_GUARD,
    COLLAPSE_GUARD,
)

Built = tuple[Spec, tuple[Controller, ...]]  # a mechanism with the controllers that a learner gets from it
CLASH_WORDS = {"reconstruction_weight": BALANCE, "kl_weight": BALANCE}  # what two setters of such a knob both set


def join_options(specs: Sequence[Spec]) -> Any:
    """Returns a frozen dataclass with the options of all these mechanisms, in their order.

    Its values are checked by each mechanism when it is built.
    """

    def check_values(config: Any) -> None:
        for spec in specs:
            spec.options.__post_init__(config)

    # A dataclass takes the fields of its last base first.
    bases = tuple(dict.fromkeys(spec.options for spec in reversed(specs)))
    return dataclasses.make_dataclass(
        "Options", (), bases=bases, frozen=True, namespace={"__post_init__": check_values}
    )


@dataclass(frozen=True)
class ControlConfig(join_options(CONTROLLERS)):
    """Adaptation while a run trains: a knob follows what is measured."""


def build_controller(
    control: Any,
    learner: Controllable,
    *,
    own: Sequence[Controller] = (),
    among: Controllable | None = None,
    others: Sequence[Controllable] = (),
    specs: Sequence[Spec] = CONTROLLERS,
) -> Controller:
    """Builds the chain of all controllers that are on and fit this learner.

    A mechanism fits if the learner measures all signals that it reads and obeys all knobs that it sets. One that is on
    by default and does not fit is left out.

    Args:
        control: options of all the mechanisms, usually a ControlConfig.
        learner: signals and knobs of the learner.
        own: controllers that the learner's family brings itself; they come last in the chain.
        among: signals and knobs of all learners of the model together, where it has several: an option that was set
            must fit one of them. None is this learner alone.
        others: other kinds of learners, which an error names if an option is for them.
        specs: mechanisms that there are.
    Returns:
        A flat chain: its state is a tuple with one entry for each controller.
    Raises:
        InputError: an option was set of a mechanism that does not fit or is off, two mechanisms clash, or one replaces
            a knob's value that was set in the model's config.
    """
    check_fit(control, among or learner, others=others, specs=specs)
    built = [(spec, tuple(spec.build(control, learner))) for spec in specs if is_on(spec, control)]
    fitting = [(spec, controllers) for spec, controllers in built if fits(controllers, learner)]
    check_clashes(control, fitting)
    check_needs(control, fitting, specs=specs)
    check_settings(control, learner, fitting)
    return chain(*(controller for _, controllers in fitting for controller in controllers), *own)


def is_on(spec: Spec, control: Any) -> bool:
    """Returns True if one of the mechanism's switches is not 0."""
    return any(getattr(control, name) for name in spec.switches)


def fits(controllers: Sequence[Controller], learner: Controllable) -> bool:
    """Returns True if there are controllers and the learner has all signals and knobs that they need."""
    return bool(controllers) and not any(lacking(controller, learner) for controller in controllers)


def build_as_if_on(spec: Spec, control: Any, learner: Controllable) -> tuple[Controller, ...]:
    """Builds a mechanism's controllers; if it is off, with the usual values of its switches and defaults otherwise."""
    return tuple(spec.build(control if is_on(spec, control) else type(control)(**spec.switches), learner))


def check_fit(control: Any, learner: Controllable, *, others: Sequence[Controllable], specs: Sequence[Spec]) -> None:
    """Raises InputError for an option that was set and is read only by mechanisms that do not fit the learner."""

    def fitted(readers: Sequence[Spec], learner: Controllable) -> bool:
        return any(fits(build_as_if_on(spec, control, learner), learner) for spec in readers)

    for name in changed(control, specs):
        readers = readers_of(name, specs)
        readers = [spec for spec in readers if is_on(spec, control)] or readers
        if fitted(readers, learner):
            continue
        apart = [other for other in others if other.name != learner.name]
        if kinds := [f"a {other.name}" for other in apart if fitted(readers, other)]:
            raise InputError(f"{flag(name)} is for {' or '.join(kinds)}, and this is a {learner.name}. Leave it out.")
        parts = [part for spec in readers for part in build_as_if_on(spec, control, learner)]
        missing = [need for part in parts for need in lacking(part, learner)]
        lacks = f" without {', '.join(map(repr, dict.fromkeys(missing)))}" if missing else ""
        raise InputError(f"{flag(name)} ({readers[0].summary}) does nothing for a {learner.name}{lacks}. Leave it out.")


def check_clashes(control: Any, built: Sequence[Built]) -> None:
    """Raises InputError for two mechanisms that set the same knob, or claim the same thing."""
    for (first, its), (second, others) in itertools.combinations(built, 2):
        knobs = [knob for knob in knobs_of(its) if knob in knobs_of(others)]
        shared = [CLASH_WORDS.get(knob, f"the knob {knob!r}") for knob in knobs]
        shared += [claim for claim in first.claims if claim in second.claims]
        if shared:
            raise InputError(
                f"{switch_of(first, control)} and {switch_of(second, control)} both set {shared[0]}."
                " Set one of them to 0."
            )


def check_needs(control: Any, built: Sequence[Built], *, specs: Sequence[Spec]) -> None:
    """Raises InputError for an option that does nothing, as another one is 0 that its mechanism needs."""
    for name in changed(control, specs):
        readers = readers_of(name, specs)
        if not any(is_on(spec, control) for spec in readers):
            switches = [flag(switch) for spec in readers for switch in spec.switches]
            raise InputError(
                f"{flag(name)} does nothing without {' or '.join(switches)}. Set that too, or leave it out."
            )
    for spec, _ in built:
        for need in spec.needs:
            if not getattr(control, need):
                raise InputError(
                    f"{switch_of(spec, control)} does nothing without {flag(need)}. Set that too, or leave it out."
                )


def check_settings(control: Any, learner: Controllable, built: Sequence[Built]) -> None:
    """Raises InputError for a mechanism that replaces a knob's value in the model's config, where that is not 1."""
    for spec, controllers in built:
        for knob in knobs_of(controllers):
            given = learner.settings.get(knob)
            if given and given.value != 1 and knob not in spec.scales:
                raise InputError(f"{switch_of(spec, control)} sets {given.words} itself. Leave {given.option} out.")


def knobs_of(controllers: Sequence[Controller]) -> list[str]:
    """Returns the names of all knobs that they set."""
    return [knob for controller in controllers for knob in controller.sets]


def changed(control: Any, specs: Sequence[Spec]) -> list[str]:
    """Returns the options that are not at their default; a switch at 0 is not among them, as it asks for nothing."""
    switches = {name for spec in specs for name in spec.switches}
    fields = {field.name: field.default for spec in specs for field in dataclasses.fields(spec.options)}
    values = {name: getattr(control, name) for name in fields}
    return [name for name, value in values.items() if value != fields[name] and not (name in switches and not value)]


def readers_of(name: str, specs: Sequence[Spec]) -> list[Spec]:
    """Returns the mechanisms that have this option."""
    return [spec for spec in specs if name in {field.name for field in dataclasses.fields(spec.options)}]


def switch_of(spec: Spec, control: Any) -> str:
    """Returns the option that turned the mechanism on, as on the command line."""
    return flag(next(name for name in spec.switches if getattr(control, name)))


def flag(name: str) -> str:
    """Returns an option of a controller as it is written on the command line."""
    return option("control", name)


def switched_off(specs: Sequence[Spec] = CONTROLLERS) -> dict[str, Any]:
    """Returns {switch: its value when off} for all mechanisms."""
    fields: dict[str, Any] = {field.name: field.default for spec in specs for field in dataclasses.fields(spec.options)}
    return {name: type(fields[name])() for spec in specs for name in spec.switches}


def only_set(control: Any) -> Any:
    """Turns off the mechanisms that are on by default and were left so: for learners that bring their own."""
    defaults = type(control)()
    untouched = [name for name in switched_off() if getattr(control, name) == getattr(defaults, name)]
    return dataclasses.replace(control, **{name: switched_off()[name] for name in untouched})


NO_CONTROL = ControlConfig(**switched_off())
