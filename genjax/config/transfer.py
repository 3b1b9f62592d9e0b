"""The settings of the transfers. Each group is read where `--transfer` names it."""

from dataclasses import dataclass

from genjax.limits import at_least, at_most


@dataclass(frozen=True)
class FreezeConfig:
    """Which parameters the transfer `freeze` keeps: shell patterns over their names."""

    generator: tuple[str, ...] = ()
    """Of the generator; nothing unless named."""
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


@dataclass(frozen=True)
class L2SpConfig:
    """The pull of the transfer `l2_sp` towards the source."""

    weight: float = 0.01
    """Of the squared distance of the parameters."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("l2-sp", self, 0, "weight")


@dataclass(frozen=True)
class EwcConfig:
    """The pull of the transfer `ewc` towards the source, by Fisher information."""

    weight: float = 100.0
    """Of the squared distance times the information."""
    examples: int = 256
    """The source's own samples from which the information is estimated; kernel_modulation uses as many."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("ewc", self, 0, "weight")
        at_least("ewc", self, 1, "examples")


@dataclass(frozen=True)
class MinerConfig:
    """The network that the transfer `miner` puts before the generator."""

    width: int = 128
    """Of its hidden layer."""
    alone: bool = False
    """Train the miner only and keep the generator, the paper's first stage."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("miner", self, 1, "width")


@dataclass(frozen=True)
class CdcConfig:
    """The correspondence that the transfer `cdc` keeps."""

    weight: float = 1000.0
    """Of the divergence; the authors' value."""
    batch: int = 4
    """Latents compared in a step; the authors' value."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("cdc", self, 0, "weight")
        at_least("cdc", self, 3, "batch")


@dataclass(frozen=True)
class ModulationConfig:
    """Which kernels the transfer `kernel_modulation` keeps and modulates."""

    quantile: float = 0.75
    """Of the channels' Fisher information, at or above which a channel is modulated only."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("modulation", self, 0, "quantile")
        at_most("modulation", self, 0.9999999, "quantile")


@dataclass(frozen=True)
class ReplayConfig:
    """What the transfer `replay` keeps of the source's images."""

    weight: float = 1.0
    """Of their mean squared difference, images in [-1, 1]."""
    count: int = 64
    """Latents that keep their images."""
    batch: int = 8
    """How many of them are compared in a step."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("replay", self, 0, "weight")
        at_least("replay", self, 1, "batch")
        at_least("replay", self, self.batch, "count")
