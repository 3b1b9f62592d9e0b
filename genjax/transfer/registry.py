"""The transfers that there are, and a choice of them: parsed, checked, built for a model's networks, kept as JSON.

A choice is a tuple of options, one object a mechanism, in the order in which they are chained, such as
`(Freeze(), Lora(rank=8))`. Every function takes `known`, {name: Spec} of the mechanisms, so that one can be added
without a change here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from genjax import json_config
from genjax.errors import InputError, did_you_mean, lookup
from genjax.transfer.auto import SPEC as AUTO
from genjax.transfer.auto import Auto, Rule, choose
from genjax.transfer.cdc import SPEC as CDC
from genjax.transfer.embedding import SPEC as EMBEDDING
from genjax.transfer.ewc import SPEC as EWC
from genjax.transfer.freeze import SPEC as FREEZE
from genjax.transfer.kernel_modulation import SPEC as KERNEL_MODULATION
from genjax.transfer.l2_sp import SPEC as L2_SP
from genjax.transfer.lora import SPEC as LORA
from genjax.transfer.miner import SPEC as MINER
from genjax.transfer.replay import SPEC as REPLAY
from genjax.transfer.scale_shift import SPEC as SCALE_SHIFT
from genjax.transfer.singular_values import SPEC as SINGULAR_VALUES
from genjax.transfer.transfer import SPEC as FULL
from genjax.transfer.transfer import Offer, Spec, Transfer, applies, chain, full, missing

Choice = tuple[Any, ...]

# In the order in which they are chained: penalties see the whole network, so they come before what leaves less of it
# to be trained.
TRANSFERS: dict[str, Spec] = {
    "full": FULL,
    "cdc": CDC,
    "replay": REPLAY,
    "ewc": EWC,
    "l2_sp": L2_SP,
    "miner": MINER,
    "freeze": FREEZE,
    "embedding": EMBEDDING,
    "lora": LORA,
    "scale_shift": SCALE_SHIFT,
    "singular_values": SINGULAR_VALUES,
    "kernel_modulation": KERNEL_MODULATION,
}


def spec_of(options: Any, *, known: Mapping[str, Spec] = TRANSFERS) -> Spec:
    """Returns the mechanism whose options these are.

    Raises:
        InputError: options of no mechanism.
    """
    specs = {spec.options: spec for spec in _with_auto(known).values()}
    if type(options) in specs:
        return specs[type(options)]
    kinds = ", ".join(f"{kind.__name__}(...)" for kind in specs)
    raise InputError(f"{options!r} is no object with a transfer's options. Use {kinds}.")


def names(choice: Sequence[Any], *, known: Mapping[str, Spec] = TRANSFERS) -> str:
    """Returns the choice as `--transfer` has it: ``freeze,lora``."""
    return ",".join(spec_of(options, known=known).name for options in choice)


def help_text(*, known: Mapping[str, Spec] = TRANSFERS) -> str:
    """Returns the help of `--transfer`: a line for each mechanism, with its name and its summary."""
    return "\n".join(f"{spec.name}: {spec.summary}" for spec in _with_auto(known).values())


def _with_auto(known: Mapping[str, Spec]) -> dict[str, Spec]:
    return {AUTO.name: AUTO, **known}


def chosen(text: str, given: Mapping[str, Any] | None = None, *, known: Mapping[str, Spec] = TRANSFERS) -> Choice:
    """Parses a value of `--transfer`.

    Args:
        text: names with commas between them, such as ``freeze,lora``, in any order.
        given: {name or group of a mechanism: its options}, those that were set; others are at their defaults. Options
            of a mechanism that is not named are not used: see `check_used`.
        known: the mechanisms by name.
    Returns:
        The options of each mechanism, in the order in which they are chained.
    Raises:
        InputError: no name, an unknown one, one that is named twice, or several that do not go together; or options
            under a name that is none, or that are another mechanism's.
    """
    found = [name.strip() for name in text.split(",")]
    both = _with_auto(known)
    if found == [""]:
        raise InputError(f"--transfer is empty. Known: {', '.join(both)}.")
    options = _options_by_name(given or {}, known)
    for name in found:
        lookup(both, name, "transfer")
    if found == [AUTO.name]:
        return (Auto(tuple(options.values())),)
    _check_together([options.get(name, both[name].options()) for name in found], text, known)
    return tuple(options.get(name, spec.options()) for name, spec in known.items() if name in found)


def resolved(
    choice: Choice, rules: Sequence[Rule], shots: int | None, *, known: Mapping[str, Spec] = TRANSFERS
) -> Choice:
    """Returns the choice with `Auto` replaced by the transfers that the rules of the source's family choose.

    Args:
        choice: options of the transfers.
        rules: rules of the family.
        shots: images to adapt to; None is a whole set.
        known: the mechanisms by name.
    """
    if not any(isinstance(options, Auto) for options in choice):
        return choice
    given = {spec_of(options, known=known).name: options for options in choice[0].given}
    return chosen(choose(rules, shots), given, known=known)


def check_used(choice: Choice, given: Mapping[str, Any], *, known: Mapping[str, Spec] = TRANSFERS) -> None:
    """Raises InputError for options that are not at their defaults and that no mechanism of the choice reads.

    Args:
        choice: options of the transfers; `Auto` may read any.
        given: {name or group of a mechanism: its options}, as they were typed.
        known: the mechanisms by name.
    """
    specs = [spec_of(options, known=known) for options in choice]
    for name, options in _options_by_name(given, known).items():
        default = known[name].options()
        changed = [
            field.name for field in fields(options) if getattr(options, field.name) != getattr(default, field.name)
        ]
        if changed and known[name] not in specs and AUTO not in specs:
            option = f"--{known[name].group}.{changed[0]}".replace("_", "-")
            raise InputError(f"{option} does nothing with --transfer {names(choice, known=known)}. Leave it out.")


def _options_by_name(given: Mapping[str, Any], known: Mapping[str, Spec]) -> dict[str, Any]:
    """Returns the options by the names of their mechanisms, which may come under their groups."""
    aliases = {alias: spec for spec in known.values() for alias in (spec.name, spec.group) if alias}
    found = {}
    for alias, options in given.items():
        spec = lookup(aliases, alias, "options of a transfer")
        if type(options) is not spec.options:
            raise InputError(f"the options of {spec.name} are {options!r}, expected {spec.options.__name__}(...).")
        found[spec.name] = options
    return found


def check(choice: Choice, offers: Mapping[str, Offer], *, known: Mapping[str, Spec] = TRANSFERS) -> None:
    """Raises InputError unless the transfers go together and each finds what it needs.

    Args:
        choice: options of the transfers.
        offers: {network: its offer}, all networks of the model. Of these a published one at least must offer what a
            transfer needs; those that do not are trained without it.
        known: the mechanisms by name.
    """
    _check_together(choice, names(choice, known=known), known)
    for options in choice:
        spec = spec_of(options, known=known)
        spec.check(options, offers)
        if spec.needs and not any(applies(spec, offer) for offer in offers.values()):
            published = [network for network, offer in offers.items() if offer.published]
            fitting = [name for name, other in known.items() if any(applies(other, offer) for offer in offers.values())]
            raise InputError(
                f"--transfer {spec.name} needs {missing(spec, offers)}, which no published network of this model has"
                f" ({', '.join(published)}). Use {', '.join(fitting)}."
            )


def check_ratio(choice: Choice, option: str = "transfer-ratio", *, known: Mapping[str, Spec] = TRANSFERS) -> None:
    """Raises InputError for an option of --control that weighs a penalty, where no transfer has one."""
    if not has_penalty(choice, known=known):
        penalties = [name for name, spec in known.items() if "loss" in spec.changes]
        raise InputError(
            f"--control.{option} weighs a penalty, and --transfer {names(choice, known=known)} has none."
            f" Leave it out, or use one of {', '.join(penalties)}."
        )


def has_penalty(choice: Choice, *, known: Mapping[str, Spec] = TRANSFERS) -> bool:
    """Returns True if a transfer of the choice adds to the loss."""
    return any("loss" in spec_of(options, known=known).changes for options in choice)


def needs_fisher(choice: Choice, *, known: Mapping[str, Spec] = TRANSFERS) -> bool:
    """Returns True if a transfer of the choice asks for the Fisher information of the source."""
    return any("fisher" in spec_of(options, known=known).needs for options in choice)


def fisher_examples(choice: Choice, *, known: Mapping[str, Spec] = TRANSFERS) -> int:
    """Returns the samples from which the Fisher information is estimated: the most that is asked for, 0 for none."""
    return max((one.examples for one in choice if "fisher" in spec_of(one, known=known).needs), default=0)


def images_drawn(choice: Choice, *, known: Mapping[str, Spec] = TRANSFERS) -> int:
    """Returns the images that the source is to draw for the transfers of the choice: the most asked for, 0 for none."""
    return max((spec_of(options, known=known).draws(options) for options in choice), default=0)


def _check_together(choice: Sequence[Any], text: str, known: Mapping[str, Spec]) -> None:
    """Raises InputError for mechanisms that do not go together; `text` names them as they were typed."""
    specs = [spec_of(options, known=known) for options in choice]
    if len({spec.name for spec in specs}) < len(specs):
        raise InputError(f"--transfer {text} names one transfer twice. Name each once.")
    for spec in specs:
        if spec.alone and len(specs) > 1:
            raise InputError(f"--transfer {text}: {spec.alone}")
    kernels = [spec.name for spec in specs if "kernels" in spec.changes]
    if len(kernels) > 1:
        raise InputError(f"--transfer {text}: {' and '.join(kernels)} each say what a kernel becomes. Use one of them.")
    comparing = [spec.name for spec in specs if spec.same_latents]
    moving = [spec.name for spec in specs if "latents" in spec.changes]
    if comparing and moving:
        raise InputError(
            f"--transfer {text}: {comparing[0]} compares images of the same latents, which {moving[0]} moves."
            " Use one of them."
        )
    held = [spec.name for spec in specs if "loss" in spec.changes]
    keeping = [option for spec, one in zip(specs, choice, strict=True) if (option := spec.keeps_network(one))]
    if keeping and held:
        raise InputError(f"{keeping[0]} leaves the network as it is, so that {held[0]} would hold nothing. Drop one.")


def build(choice: Choice, offers: Mapping[str, Offer], *, known: Mapping[str, Spec] = TRANSFERS) -> dict[str, Transfer]:
    """Builds the transfer of each network of a model.

    Args:
        choice: options of the transfers; none, as in pretraining, trains everything.
        offers: {network: its offer}, all networks of the model.
        known: the mechanisms by name.
    Returns:
        {network: its transfer}; full fine-tuning where none of the choice applies to a network.
    Raises:
        InputError: see `check`; or a setting that a transfer refuses.
    """
    check(choice, offers, known=known)
    specs = [(spec_of(options, known=known), options) for options in ordered(choice, known=known)]
    built = {}
    for network, offer in offers.items():
        parts = [spec.build(options, network, offer) for spec, options in specs if applies(spec, offer)]
        built[network] = parts[0] if len(parts) == 1 else chain(*parts) if parts else full()
    return built


def ordered(choice: Sequence[Any], *, known: Mapping[str, Spec] = TRANSFERS) -> Choice:
    """Returns the choice in the order in which the transfers are chained."""
    order = list(_with_auto(known))
    return tuple(sorted(choice, key=lambda options: order.index(spec_of(options, known=known).name)))


def to_json(choice: Choice, *, known: Mapping[str, Spec] = TRANSFERS) -> list[dict[str, Any]]:
    """Returns a choice as plain values: ``[{"name": "lora", "rank": 4, "alpha": 0.0}]``."""
    entries = []
    for options in choice:
        spec = spec_of(options, known=known)
        values = {"given": to_json(options.given, known=known)} if spec is AUTO else json_config.to_json(options)
        entries.append({"name": spec.name, **values})
    return entries


def from_json(values: Any, *, where: str, known: Mapping[str, Spec] = TRANSFERS) -> Choice:
    """Reads a choice from plain values, which may have come from anywhere.

    Args:
        values: list of objects, as `to_json` gives it.
        where: name of the file, for errors.
        known: the mechanisms by name.
    Raises:
        InputError: another form, an unknown name or key, a value of another type or one that is refused, or transfers
            that do not go together.
    """
    choice = _entries(values, where, known)
    _check_together(choice, names(choice, known=known), known)
    return ordered(choice, known=known)


def _entries(values: Any, where: str, known: Mapping[str, Spec]) -> list[Any]:
    """Reads the options of each entry, in their order."""
    if not isinstance(values, list):
        raise InputError(f"{where} is {values!r}, expected a list of transfers.")
    found, both = [], _with_auto(known)
    for entry in values:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise InputError(f"{where} holds {entry!r}, expected an object with the name of a transfer.")
        name, rest = entry["name"], {key: value for key, value in entry.items() if key != "name"}
        if name not in both:
            raise InputError(f"{where}: unknown transfer {name!r}. {did_you_mean(name, both)}")
        if name == AUTO.name:
            found.append(_auto(rest, f"{where}: {name}", known))
        else:
            found.append(json_config.from_json(both[name].options, rest, where=f"{where}: {name}"))
    return found


def _auto(values: dict[str, Any], where: str, known: Mapping[str, Spec]) -> Auto:
    """Reads `Auto`, whose options are those of other transfers."""
    unknown = [key for key in values if key != "given"]
    if unknown:
        raise InputError(f"{where}: unknown key {unknown[0]!r}. {did_you_mean(unknown[0], ['given'])}")
    return Auto(tuple(_entries(values.get("given", []), f"{where}: given", known)))
