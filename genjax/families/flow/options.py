"""Options of a flow model: its network, what it learns, and how images are drawn."""

from dataclasses import dataclass, field
from typing import Literal

from genjax.errors import InputError
from genjax.families.averages import check_widths
from genjax.families.flow.ddpm_options import DdpmConfig, DdpmUnetConfig
from genjax.families.text_to_image.network_options import check_heads
from genjax.limits import above_zero, at_least, at_most


@dataclass(frozen=True)
class DitConfig:
    """A transformer over patches of the image."""

    patch_size: int = 4
    """Height and width of a patch in pixels; it divides the size. 2 sees more and costs four times as much."""
    width: int = 128
    """Length of the vectors between the blocks."""
    depth: int = 8
    """Blocks."""
    heads: int = 4
    """Heads of the attention; they divide the width."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("flow.dit", self, 1, "patch_size", "width", "depth", "heads")
        check_heads("flow.dit", self.width, self.heads)


@dataclass(frozen=True)
class FlowConfig:
    """A network that carries noise to images, and what it is trained to."""

    process: Literal["rectified", "edm", "ddpm"] = "rectified"
    """Straight lines from image to noise, EDM's growing noise with a denoiser, or the steps of denoising diffusion."""
    prediction: Literal["velocity", "image"] = "velocity"
    """Rectified flow: what the network gives."""
    time_mean: float = 0.0
    """Rectified flow: mean of the logit of the times in training; above 0 there is more noise."""
    null_probability: float = 0.1
    """Share of classes or texts that are dropped in training, so that guidance has a branch without one."""
    learning_rate: float = 1e-3
    """Learning rate (Adam)."""
    warm_up_steps: int = 100
    """Steps in which the learning rate rises from nearly 0; 0 is off."""
    ema_widths: tuple[float, ...] = (0.1, 0.05)
    """Widths of the parameters' moving averages, as shares of the training; the first is sampled from, and of all of
    them genjax average rebuilds others."""
    preview_steps: int = 8
    """Heun steps of the pictures and evaluations along training."""
    text: Literal["words", "byte_pair"] = "words"
    """With --condition text: a closed vocabulary of the captions' words, or byte pairs."""
    remat: bool = False
    """Compute activations again in the gradient instead of keeping them: less memory, a third more time."""
    network: Literal["dit", "ddpm_unet"] = "dit"
    """A transformer over patches, or the U-Net of denoising diffusion."""
    dit: DitConfig = field(default_factory=DitConfig)
    ddpm_unet: DdpmUnetConfig = field(default_factory=DdpmUnetConfig)
    ddpm: DdpmConfig = field(default_factory=DdpmConfig)

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("flow", self, 0, "null_probability", "warm_up_steps")
        at_most("flow", self, 0.9999999, "null_probability")
        at_least("flow", self, 1, "preview_steps")
        above_zero("flow", self, "learning_rate")
        check_widths(self.ema_widths, option="--flow.ema-widths")
        if not -10 <= self.time_mean <= 10:
            raise InputError(f"--flow.time-mean is {self.time_mean}, expected -10 to 10.")


@dataclass(frozen=True)
class FlowDrawing:
    """The choices in drawing an image from a flow."""

    steps: int = 18
    """Steps from noise to an image; each of Heun's but the last asks the network twice."""
    solver: Literal["heun", "euler"] = "heun"
    """Solver of the flow: Heun is of second order, Euler of first."""
    guidance: float = 1.0
    """Moves away from what the network without the condition, or --guide, would draw; 1 is off, 1.5 to 3 is usual."""
    guidance_interval: tuple[float, float] = (0.0, float("inf"))
    """Times at which there is guidance: from 1, noise, to 0, an image; of an EDM model from 80 to 0."""

    def __post_init__(self) -> None:
        """Refuses values that nothing could be drawn with."""
        at_least("", self, 1, "steps")
        at_least("", self, 0, "guidance")
        low, high = self.guidance_interval
        if not 0 <= low < high:
            raise InputError(f"--guidance-interval {low} {high}: expected two times, the smaller first, 0 or more.")
