"""The families that there are, a line each, and how a model's config is found in JSON."""

from collections.abc import Mapping
from typing import Any

from genjax.control import NO_CONTROL, Controllable
from genjax.errors import InputError, did_you_mean
from genjax.families.family import Family, Training
from genjax.families.flow.family import FLOW
from genjax.families.gan.family import GAN
from genjax.families.learner import Learner
from genjax.families.model import Condition, ModelConfig, Styles
from genjax.families.text.files import from_json as vocabulary_from_json
from genjax.families.text.files import to_json as vocabulary_to_json
from genjax.families.text_to_image.family import TEXT_TO_IMAGE
from genjax.families.vae.family import VAE
from genjax.json_config import from_json, to_json
from genjax.transfer import Transfer
from genjax.transfer.registry import Choice, chosen
from genjax.tree import Tree

FAMILIES: dict[str, Family] = {
    "gan": GAN,
    "vae": VAE,
    "flow": FLOW,
    "text2image": TEXT_TO_IMAGE,
}
DEFAULT = GAN  # what is trained where no family is named


def family_named(name: str) -> Family:
    """Returns the family of that name.

    Raises:
        InputError: there is none.
    """
    if name not in FAMILIES:
        raise InputError(f"unknown model {name!r}. {did_you_mean(name, list(FAMILIES))}")
    return FAMILIES[name]


def family_of(options: Any) -> Family:
    """Returns the family whose options these are.

    Raises:
        InputError: they are none's.
    """
    for family in FAMILIES.values():
        if type(options) is family.options:
            return family
    raise InputError(f"{options!r} are not the options of a model. Use those of {', '.join(FAMILIES)}.")


def other_families() -> tuple[Controllable, ...]:
    """Returns signals and knobs of all families, to say which of them an option of a controller is for."""
    return tuple(family.measured for family in FAMILIES.values())


def build_learner(
    model: ModelConfig, transfers: Mapping[str, Transfer] | None = None, control: Any = NO_CONTROL, **how: Any
) -> Learner:
    """Builds the learner of a model of one stage.

    Args:
        model: its networks and losses.
        transfers: {network: its transfer}; one that is not there is trained in full.
        control: options of the controllers while it trains, or a controller itself.
        how: `learning_rate_scale`, `accumulate` and `share`, as in `genjax.families.family.Training`.
    Raises:
        InputError: controllers that do not fit.
    """
    training = Training(transfers or {}, control=control, others=other_families(), **how)
    (stage,) = FAMILIES[model.family].stages(model, training)
    return stage.learner


def build_transfers(
    choice: str | Choice, model: ModelConfig, fisher: Mapping[str, Tree] | None = None
) -> dict[str, Transfer]:
    """Builds {network: transfer} of a model.

    Args:
        choice: options of the transfers, or their names, "freeze,lora"; () as in a pretraining.
        model: that is adapted.
        fisher: {network: Fisher information} of the source; without, as to sample from a model on disk, none is known.
    Raises:
        InputError: transfers that do not go together or that the model does not offer what they need.
    """
    family = FAMILIES[model.family]
    offers = family.offers(model)
    if fisher:
        offers = {name: offer._replace(fisher=fisher.get(name)) for name, offer in offers.items()}
    return family.transfers(model, chosen(choice) if isinstance(choice, str) else choice, offers)


def model_to_json(model: ModelConfig) -> dict[str, Any]:
    """Returns a model's config as plain values."""
    values = {name: getattr(model, name) for name in ("family", "size", "channels", "dtype", "batch")}
    values["options"] = to_json(model.options)
    condition = model.condition
    if condition.kind != "none":
        values["condition"] = {"kind": condition.kind, "names": list(condition.names)}
        if condition.vocabulary is not None:
            values["condition"]["vocabulary"] = vocabulary_to_json(condition.vocabulary)
        if condition.styles is not None:
            values["condition"]["styles"] = condition.styles._asdict() | {"names": list(condition.styles.names)}
        if condition.new:
            values["condition"]["new"] = condition.new
    return values


def model_from_json(values: dict[str, Any], *, where: str) -> ModelConfig:
    """Returns the config of these values, which may have come from anywhere; `where` names the file.

    Raises:
        InputError: an unknown family or key, a value of another type or one that the config refuses.
    """
    known = ("family", "size", "channels", "dtype", "batch", "options", "condition")
    for name in values:
        if name not in known:
            raise InputError(f"{where}: unknown key {name!r}. {did_you_mean(name, list(known))}")
    missing = [name for name in known[:-1] if name not in values]
    if missing:
        raise InputError(f"{where} lacks {', '.join(missing)}. Restore it, or train the run again.")
    family = family_named(str(values["family"]))
    if not isinstance(values["options"], dict) or type(values["size"]) is not int or type(values["batch"]) is not int:
        raise InputError(f"{where} does not describe a model. Restore it, or train the run again.")
    return ModelConfig(
        family=family.name,
        size=values["size"],
        channels=values["channels"],
        dtype=values["dtype"],
        batch=values["batch"],
        options=from_json(family.options, values["options"], where=where),
        condition=_condition(values.get("condition", {}), where=where),
    )


def _condition(values: Any, *, where: str) -> Condition:
    kind, names = (values.get("kind", "none"), values.get("names", [])) if isinstance(values, dict) else ("", [])
    if kind not in ("none", "class", "text") or not all(isinstance(name, str) for name in names):
        raise InputError(f"{where} has a condition that is none. Restore it, or train the run again.")
    vocabulary, styles, new = values.get("vocabulary"), values.get("styles"), values.get("new", 0)
    if type(new) is not int or not 0 <= new <= len(names):
        raise InputError(f"{where} has {new!r} new classes. Restore it, or train the run again.")
    return Condition(
        kind,
        tuple(names),
        None if vocabulary is None else vocabulary_from_json(vocabulary, where=f"{where}: condition"),
        None if styles is None else _styles(styles, where=f"{where}: condition"),
        new,
    )


def _styles(values: Any, *, where: str) -> Styles:
    known = isinstance(values, dict) and set(values) == set(Styles._fields) and isinstance(values["names"], list)
    if not known or not all(isinstance(one, str) for one in (values["factor"], values["usual"], *values["names"])):
        raise InputError(f"{where} has styles that are none. Restore it, or train the run again.")
    if type(values["new"]) is not int or not 0 <= values["new"] <= len(values["names"]):
        raise InputError(f"{where} has {values['new']!r} new styles. Restore it, or train the run again.")
    return Styles(values["factor"], tuple(values["names"]), values["usual"], values["new"])
