"""The model that guidance is away from, and whether its velocities can be compared with those of another."""

from dataclasses import dataclass
from typing import Any

from genjax.errors import InputError
from genjax.families.flow.autoencoder import NETWORK as AUTOENCODER
from genjax.families.model import Model
from genjax.tree import content_hash

OF_LATENTS = ("encoder", "mean", "deviation")  # parameters of an autoencoder that say what a latent means


@dataclass(frozen=True, eq=False)
class Reference:
    """The model that guidance is away from.

    Attributes:
        model: that model.
        conditional: whether it is told the class or text as well, or draws without.
    """

    model: Model
    conditional: bool


def check_reference(model: Model, other: Model) -> None:
    """Raises InputError for a model whose velocities are of another process or of other latents."""
    mine, its = model.config.options, other.config.options
    straight = {mine.process, its.process} <= {"rectified", "mean"}
    if mine.process != its.process and not straight:
        raise InputError(
            f"--guide names a model of --flow.process {its.process}, and this one is of {mine.process}. Name one of the"
            " same process."
        )
    if _meaning(model) != _meaning(other):
        raise InputError(
            "--guide names a model in other latents: another autoencoder, or pixels. Name one with the same"
            " autoencoder, such as the source of an adaptation."
        )


def _meaning(model: Model) -> Any:
    """Returns what is equal for two models whose values mean the same."""
    if model.config.options.space == "pixels":
        return "pixels"
    params = model.params()[AUTOENCODER]
    return content_hash({name: params[name] for name in OF_LATENTS})
