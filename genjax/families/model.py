"""A model: the config that every model on disk carries with it, and its parameters, ready to be used or adapted."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from genjax.errors import InputError
from genjax.families.learner import Networks
from genjax.families.text.vocabulary import Vocabulary
from genjax.limits import at_least, nearest
from genjax.transfer import Transfer
from genjax.transfer.transfer import same_latents

SIZES = (16, 32, 64, 128, 256, 512)
DTYPES = ("float32", "bfloat16")


class Styles(NamedTuple):
    """The second condition of a model of classes: in which style it draws them.

    Attributes:
        factor: factor of the data that says it, such as ``face``.
        names: its values, each a row of the network's table.
        usual: the one that is drawn in where none is asked for; "" leaves the style to chance.
        new: how many of the last ones the source of an adaptation does not know.
    """

    factor: str
    names: tuple[str, ...]
    usual: str = ""
    new: int = 0


class Condition(NamedTuple):
    """The condition under which a model makes images.

    Attributes:
        kind: none, class (one of `names`) or text (in words of `vocabulary`).
        names: of the classes.
        vocabulary: of the texts; None without.
        styles: of the classes; None without.
        new: how many of the last classes the source of an adaptation does not know.
    """

    kind: Literal["none", "class", "text"] = "none"
    names: tuple[str, ...] = ()
    vocabulary: Vocabulary | None = None
    styles: Styles | None = None
    new: int = 0


NO_CONDITION = Condition()


@dataclass(frozen=True)
class ModelConfig:
    """Networks, their images, and how they are trained."""

    family: str
    size: int
    channels: int
    dtype: str
    batch: int
    options: Any
    """Options of the family: an instance of its dataclass."""
    condition: Condition = NO_CONDITION

    def __post_init__(self) -> None:
        """Raises InputError for values that no training could use."""
        check_size(self.size)
        at_least("", self, 1, "batch")
        for name, value, known in (("channels", self.channels, (1, 3)), ("dtype", self.dtype, DTYPES)):
            if value not in known:
                raise InputError(f"--{name} is {value!r}, expected {' or '.join(map(str, known))}.")


@dataclass(frozen=True)
class Model:
    """Parameters with all that sampling and adapting need.

    Attributes:
        config: of the networks.
        networks: {network: trainable tree}, averaged where it makes images.
        context: {network: what its transfer keeps of the source}.
        transfers: {network: its transfer}.
        identity: sha256 over its files, in hex.
        step: at which its last stage was saved.
    """

    config: ModelConfig
    networks: Networks
    context: Networks
    transfers: dict[str, Transfer]
    identity: str
    step: int

    def params(self) -> Networks:
        """Returns {network: params}, what the modules are applied with."""
        return {name: self.transfers[name].params(tree, self.context[name]) for name, tree in self.networks.items()}


def check_adaptable(source: Model) -> None:
    """Raises InputError for a source whose latents are moved: what its parameters draw is not what it draws."""
    if any(transfer.latents is not same_latents for transfer in source.transfers.values()):
        raise InputError(
            "the source was adapted with a miner, which moves its latents, so that its parameters alone are not its"
            " images. Adapt its own source instead."
        )


def check_size(size: int) -> None:
    """Raises InputError unless the networks can make images of this size."""
    if size not in SIZES:
        raise InputError(f"--size {size} is not one of {', '.join(map(str, SIZES))}. Use {nearest(size, SIZES)}.")
