"""Options of denoising diffusion: its U-Net, which public checkpoints hold, and its schedule of noise."""

from dataclasses import dataclass
from typing import Literal

from genjax.errors import InputError
from genjax.limits import above_zero, at_least

DOWN = ("DownBlock2D", "AttnDownBlock2D")  # without and with attention
UP = ("UpBlock2D", "AttnUpBlock2D")


@dataclass(frozen=True)
class DdpmUnetConfig:
    """The U-Net of denoising diffusion, layer by layer that of diffusers' UNet2DModel."""

    widths: tuple[int, ...] = (64, 128, 128)
    """Channels of the blocks, the finest first; each but the last halves the image."""
    down_blocks: tuple[str, ...] = ("DownBlock2D", "AttnDownBlock2D", "DownBlock2D")
    """Kinds of the blocks on the way down: DownBlock2D, or AttnDownBlock2D with attention."""
    up_blocks: tuple[str, ...] = ("UpBlock2D", "AttnUpBlock2D", "UpBlock2D")
    """Kinds of the blocks on the way up, the coarsest first: UpBlock2D, or AttnUpBlock2D with attention."""
    layers: int = 2
    """Residual blocks of a block on the way down; there is one more on the way up."""
    middle_attention: bool = True
    """Attention between the two residual blocks in the middle."""
    head_width: int = 0
    """Channels of a head of the attention; they divide the channels of its block; 0 is one head."""
    groups: int = 32
    """Groups of the normalisations; they divide all channels."""
    epsilon: float = 1e-5
    """Added to the variance in the normalisations."""
    activation: Literal["silu", "mish", "gelu", "relu"] = "silu"
    """Nonlinearity of the residual blocks."""
    time: Literal["default", "scale_shift"] = "default"
    """Add the time in a residual block, or let it scale and shift."""
    time_width: int = 0
    """Length of the vector of a time; 0 is four times the first width."""
    timesteps: int = 1000
    """Steps that noise levels from 0 to 1 count as."""
    cosine_first: bool = True
    """Order of a time's waves: cosines before sines."""
    frequency_shift: float = 0.0
    """Frequencies before its end at which the series of a time's waves reaches its lowest."""
    pad: Literal[0, 1] = 1
    """Zeros around what is halved: 1 on every side, or 0 for 1 on the far sides only."""
    centred: bool = False
    """Maps the input from [0, 1] to [-1, 1] first."""
    middle_divisor: float = 1.0
    """Number that the sums in the middle are divided by."""

    def __post_init__(self) -> None:
        """Refuses values that no network could have."""
        group = "flow.ddpm-unet"
        at_least(group, self, 1, "layers", "groups", "timesteps")
        at_least(group, self, 0, "head_width", "time_width", "frequency_shift")
        above_zero(group, self, "epsilon", "middle_divisor")
        if not self.widths or min(self.widths) < 2:
            raise InputError(
                f"--{group}.widths {_typed(self.widths)}: expected one number of 2 or more for each block."
            )
        for name, known in (("down_blocks", DOWN), ("up_blocks", UP)):
            blocks, option = getattr(self, name), f"--{group}.{name.replace('_', '-')}"
            unknown = [block for block in blocks if block not in known]
            if unknown:
                raise InputError(f"{option}: unknown block {unknown[0]!r}. Known: {', '.join(known)}.")
            if len(blocks) != len(self.widths):
                raise InputError(
                    f"{option} names {len(blocks)} blocks, and --{group}.widths {len(self.widths)}. Give one of each"
                    " for every block."
                )
        odd = [width for width in self.widths if width % self.groups]
        if odd:
            raise InputError(f"--{group}.groups {self.groups} does not divide the width {odd[0]}. Use 8, 16 or 32.")
        attentive = {w for w, block in zip(self.widths, self.down_blocks, strict=True) if block == DOWN[1]}
        attentive |= {w for w, block in zip(self.widths[::-1], self.up_blocks, strict=True) if block == UP[1]}
        attentive |= {self.widths[-1]} if self.middle_attention else set()
        odd = [width for width in sorted(attentive) if self.head_width and width % self.head_width]
        if odd:
            raise InputError(
                f"--{group}.head-width {self.head_width} does not divide the width {odd[0]}. Use 0 for one head."
            )

    @property
    def halvings(self) -> int:
        """Returns how often the image is halved."""
        return len(self.widths) - 1


@dataclass(frozen=True)
class DdpmConfig:
    """The schedule of noise of denoising diffusion, and what its network gives."""

    prediction: Literal["epsilon", "v_prediction", "sample"] = "epsilon"
    """Output of the network: the noise, the velocity between noise and image, or the image."""
    schedule: Literal["linear", "scaled_linear", "squaredcos_cap_v2"] = "linear"
    """Growth of the noise that a step adds: linear, of its root linear, or such that the image fades as a cosine."""
    first: float = 1e-4
    """Variance of the noise that the first step adds; of a cosine it follows."""
    last: float = 0.02
    """Variance of the noise that the last step adds; of a cosine it follows."""
    steps: int = 1000
    """Steps from image to noise in training."""
    clip: bool = True
    """Keep the image that every step of a drawing points to in [-1, 1]."""

    def __post_init__(self) -> None:
        """Refuses values that are no schedule."""
        at_least("flow.ddpm", self, 2, "steps")
        if not 0 < self.first < self.last < 1:
            raise InputError(
                f"--flow.ddpm.first {self.first:g} and --flow.ddpm.last {self.last:g}: expected 0 < first < last < 1."
            )


def _typed(numbers: tuple[int, ...]) -> str:
    return " ".join(map(str, numbers)) or "is empty"
