"""Freezing by name: some parameters keep the source's values, the rest is fine-tuned. (Mo et al. 2020, FreezeD)

FreezeD freezes the critic's lower layers, which see edges and textures that the sets share, and trains its upper ones
with the whole generator. When: few images, a target that looks like the source.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jax import Array

from genjax.errors import InputError, did_you_mean
from genjax.transfer.transfer import Offer, Spec, Transfer
from genjax.tree import Tree, flatten, label, unflatten


@dataclass(frozen=True)
class Freeze:
    """The parameters that the transfer `freeze` keeps."""

    patterns: tuple[str, ...] = ()
    """Shell patterns over names of parameters, each after its network: critic/down_8/*. A network that none names keeps
    its own default; NETWORK/ freezes nothing of it."""

    def __post_init__(self) -> None:
        """Refuses patterns that no training could use."""
        for pattern in self.patterns:
            network, slash, _ = pattern.partition("/")
            if not network or not slash:
                raise InputError(f"--freeze.patterns {pattern!r}: expected NETWORK/PATTERN, such as critic/down_8/*.")


def freeze(patterns: Sequence[str]) -> Transfer:
    """Freezes each parameter whose name matches one of the patterns, bit for bit.

    Args:
        patterns: shell patterns over names such as `down_8/kernel`; none freezes nothing.
    Raises:
        InputError: (from init) a pattern matches no parameter.
    """
    rules = [*((pattern, "frozen") for pattern in patterns), ("*", "trained")]

    def init(source_params: Tree, key: Array) -> tuple[Tree, Tree]:
        flat = flatten(source_params)
        labels = label(list(flat), rules)
        trained = {name: leaf for name, leaf in flat.items() if labels[name] == "trained"}
        frozen = {name: leaf for name, leaf in flat.items() if labels[name] == "frozen"}
        return trained, frozen

    def params(trainable: Tree, frozen: Tree) -> Tree:
        return unflatten(flatten(trainable) | frozen)

    return Transfer(init, params)


def frozen_patterns(options: Freeze, network: str, offer: Offer) -> tuple[str, ...]:
    """Returns the patterns of one network, without its name: those that were given for it, else its own default."""
    prefix = f"{network}/"
    given = [pattern.removeprefix(prefix) for pattern in options.patterns if pattern.startswith(prefix)]
    return tuple(pattern for pattern in given if pattern) if given else offer.freeze


def typed_patterns(options: Freeze) -> str:
    """Returns the patterns as they are typed: ``--freeze.critic 'down_*' 'up_*' --freeze.generator '*'``."""
    named: dict[str, list[str]] = {}
    for pattern in options.patterns:
        network, _, rest = pattern.partition("/")
        named.setdefault(network, []).append(f"'{rest}'")
    return " ".join(f"--freeze.{network} {' '.join(patterns)}" for network, patterns in named.items())


def check_networks(options: Freeze, offers: Mapping[str, Offer]) -> None:
    """Raises InputError for a pattern that names no network of the model, with those that there are."""
    for pattern in options.patterns:
        network = pattern.partition("/")[0]
        if network not in offers:
            raise InputError(
                f"--freeze.patterns {pattern!r}: the model has no network {network!r}."
                f" {did_you_mean(network, list(offers))}"
            )


SPEC = Spec(
    name="freeze",
    options=Freeze,
    build=lambda options, network, offer: freeze(frozen_patterns(options, network, offer)),
    summary="Keeps the parameters whose names match, and trains the rest.",
    group="freeze",
    everywhere=True,
    check=check_networks,
)
