"""The settings of the transfers. Each group is read where `--transfer` names it."""

from dataclasses import dataclass

from genjax.config.limits import at_least


@dataclass(frozen=True)
class FreezeConfig:
    """Which parameters the transfer `freeze` keeps: shell patterns over their names."""

    generator: tuple[str, ...] = ()
    """Of the generator."""
    critic: tuple[str, ...] = ("down_[!4]*",)
    """Of the critic: its lower layers, all but the last before the head. (FreezeD)"""
    vae: tuple[str, ...] = ("encoder/down_*",)
    """Of the encoder and decoder."""


@dataclass(frozen=True)
class LoraConfig:
    """The low-rank updates of the transfer `lora`. The critic, which is not published, trains in full."""

    rank: int = 4
    """Rank of the update of each kernel."""
    alpha: float = 0.0
    """Scale of the update times the rank; 0 stands for a scale of 1."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("lora", self, 1, "rank")
        at_least("lora", self, 0, "alpha")
