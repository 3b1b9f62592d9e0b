"""Options of a flow model: its network, what it learns, and how images are drawn."""

from dataclasses import dataclass, field
from typing import Literal

from genjax.errors import InputError
from genjax.families.averages import check_widths
from genjax.families.flow.ddpm.options import DdpmConfig, DdpmUnetConfig
from genjax.limits import above_zero, at_least, at_most, changed, check_heads, option

FACTORS = (2, 4, 8, 16)  # pixels to a latent
STEPS, FEW_STEPS = 18, 4  # of a drawing where none are chosen: of a solver, of mean velocities


@dataclass(frozen=True)
class DitConfig:
    """A transformer over patches of the image."""

    patch_size: int = 0
    """Height and width of a patch, which divide the size; 0 is 4 pixels, or 2 latents. Half of it sees more and costs
    four times as much."""
    width: int = 128
    """Length of the vectors between the blocks."""
    depth: int = 8
    """Blocks."""
    heads: int = 4
    """Heads of the attention; they divide the width."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("flow.dit", self, 0, "patch_size")
        at_least("flow.dit", self, 1, "width", "depth", "heads")
        check_heads("flow.dit", self.width, self.heads)


@dataclass(frozen=True)
class UnetConfig:
    """Convolutions at the image's size and at smaller ones."""

    width: int = 32
    """Features at the image's size."""
    multipliers: tuple[int, ...] = (1, 2, 4)
    """Features at the image's size and at each half of it, in widths; the last serves all further halves, down to the
    smallest size with attention."""
    blocks: int = 1
    """Blocks of each size on the way down; there is one more on the way up."""
    attention: tuple[int, ...] = (8,)
    """Sizes in pixels at which all pixels see each other; none with --flow.unet.attention alone."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("flow.unet", self, 1, "width", "blocks")
        if not self.multipliers or min(self.multipliers) < 1:
            given = " ".join(map(str, self.multipliers)) or "empty"
            raise InputError(
                f"--flow.unet.multipliers is {given}, expected numbers of 1 or more. Use --flow.unet.multipliers 1 2 4."
            )


@dataclass(frozen=True)
class AutoencoderConfig:
    """An autoencoder, trained before the flow, whose latents the flow makes in place of pixels."""

    factor: int = 4
    """Pixels to a latent in height and width: 2, 4, 8 or 16."""
    channels: int = 4
    """Numbers at each place of the latents."""
    width: int = 64
    """Features at half the image's size; doubled at each halving, up to 8 times as many."""
    blocks: int = 1
    """Residual blocks of each size, in the encoder and in the decoder."""
    steps: int = 2000
    """Updates, before those of the flow."""
    kl_weight: float = 1e-6
    """Weight of the KL divergence in nats beside the absolute error, both summed over an image."""
    learning_rate: float = 1e-3
    """Learning rate (Adam); it falls to a hundredth of it at the end."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        group = "flow.autoencoder"
        at_least(group, self, 1, "channels", "width", "blocks", "steps")
        at_least(group, self, 0, "kl_weight")
        above_zero(group, self, "learning_rate")
        if self.factor not in FACTORS:
            raise InputError(f"--{group}.factor is {self.factor}, expected {', '.join(map(str, FACTORS))}. Use 4 or 8.")


@dataclass(frozen=True)
class MeanConfig:
    """Mean flow: what is trained of the velocities between two times."""

    velocities: float = 0.5
    """Share of images that are trained at one time, as in rectified flow, from 0 to 1."""
    power: float = 1.0
    """Power of the adaptive weight, by which a large loss counts no more than a small one; 0 is off."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("flow.mean", self, 0, "velocities", "power")
        if self.velocities > 1:
            raise InputError(f"--flow.mean.velocities is {self.velocities}, expected 0 to 1.")


@dataclass(frozen=True)
class FlowConfig:
    """A network that carries noise to images, and what it is trained to."""

    network: Literal["dit", "unet", "ddpm_unet"] = "dit"
    """A transformer over patches, a U-Net of convolutions, which takes several times as long a step, or the U-Net of
    public checkpoints."""
    process: Literal["rectified", "mean", "edm", "ddpm"] = "rectified"
    """Straight lines from image to noise, the same drawn in 1 to 4 steps by mean velocities, EDM's growing noise with a
    denoiser, or the steps of denoising diffusion."""
    space: Literal["pixels", "latents"] = "pixels"
    """Carry noise to pixels, or to the latents of an autoencoder, which is trained first: for 64 pixels and more."""
    prediction: Literal["velocity", "image"] = "velocity"
    """Rectified flow: what the network gives."""
    time_mean: float = 0.0
    """Rectified and mean flow: mean of the logit of the times in training; above 0 there is more noise."""
    uncertainty: bool = False
    """Learn how large the loss is at each noise level, and divide it by that, so that no level drowns another."""
    null_probability: float = 0.1
    """Share of classes or texts that are dropped in training, so that guidance has a branch without one."""
    styles: str = ""
    """With --condition class and network dit: factor of the data that is a second condition, such as face of fonts. An
    adaptation to a new style adds a row for it."""
    learning_rate: float = 1e-3
    """Learning rate (Adam)."""
    warm_up_steps: int = 100
    """Steps in which the learning rate rises from nearly 0; 0 is off."""
    ema_widths: tuple[float, ...] = (0.1, 0.05)
    """Widths of the parameters' moving averages, as shares of the training; the first is sampled from, and of all of
    them genjax average rebuilds others."""
    preview_steps: int = 8
    """Steps of the pictures and evaluations along training: Heun's, or those of mean flow."""
    text: Literal["words", "byte_pair"] = "words"
    """With --condition text: a closed vocabulary of the captions' words, or byte pairs."""
    remat: bool = False
    """Compute activations again in the gradient instead of keeping them: less memory, a third more time."""
    dit: DitConfig = field(default_factory=DitConfig)
    unet: UnetConfig = field(default_factory=UnetConfig)
    ddpm_unet: DdpmUnetConfig = field(default_factory=DdpmUnetConfig)
    ddpm: DdpmConfig = field(default_factory=DdpmConfig)
    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    mean: MeanConfig = field(default_factory=MeanConfig)

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
class FlowAdaptation:
    """The choices in adapting a flow."""

    few_steps: bool = False
    """Learn to draw in 1 to 4 steps as well (--flow.process mean), from a source of --flow.process rectified."""
    autoencoder_steps: int = 0
    """Of a flow in latents: updates of the autoencoder's decoder on the new images; 0 keeps it. Its encoder stays, so
    that latents keep their meaning."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("", self, 0, "autoencoder_steps")


@dataclass(frozen=True)
class FlowDrawing:
    """The choices in drawing an image from a flow."""

    steps: int | None = None
    """Steps from noise to an image: 18, or 4 of solver mean. Each of Heun's but the last asks the network twice."""
    solver: Literal["heun", "euler", "mean"] | None = None
    """Solver of the flow: Heun is of second order, Euler of first; mean leaps by the velocities of --flow.process mean,
    which has it for its default, all others Heun."""
    guidance: float = 1.0
    """Moves away from what the network without the condition, or --guide, would draw; 1 is off, 1.25 to 3 is usual."""
    guidance_interval: tuple[float, float] = (0.0, float("inf"))
    """Times at which there is guidance: from 1, noise, to 0, an image; of an EDM or DDPM model from 80 to 0."""

    def __post_init__(self) -> None:
        """Refuses values that nothing could be drawn with."""
        if self.steps is not None:
            at_least("", self, 1, "steps")
        at_least("", self, 0, "guidance")
        low, high = self.guidance_interval
        if not 0 <= low < high:
            raise InputError(f"--guidance-interval {low} {high}: expected two times, the smaller first, 0 or more.")

    def decided(self, usual: str) -> tuple[str, int]:
        """Returns the solver and its steps: of what was left open the usual ones."""
        solver = self.solver or usual
        return solver, self.steps or (FEW_STEPS if solver == "mean" else STEPS)


def check_typed(options: object) -> None:
    """Raises InputError for options that were typed and that nothing would read."""
    if not isinstance(options, FlowConfig):
        return
    for other in ("dit", "unet", "ddpm_unet"):
        if other != options.network:
            for name in changed(getattr(options, other)):
                raise InputError(
                    f"{option(f'flow.{other}', name)} does nothing with --flow.network {options.network}. Leave it out."
                )
    process = options.process
    readers = {"prediction": ("rectified",), "time_mean": ("rectified", "mean")}
    unread = [("flow", name) for name, known in readers.items() if process not in known and name in changed(options)]
    unread += [("flow.mean", name) for name in changed(options.mean) if process != "mean"]
    unread += [("flow.ddpm", name) for name in changed(options.ddpm) if process != "ddpm"]
    for group, name in unread:
        raise InputError(f"{option(group, name)} does nothing with --flow.process {process}. Leave it out.")
    for name in changed(options.autoencoder) if options.space == "pixels" else []:
        raise InputError(f"{option('flow.autoencoder', name)} does nothing without --flow.space latents. Add that too.")


def check_sizes(unet: UnetConfig, size: int, words: str = "") -> None:
    """Raises InputError unless a U-Net of these options has images of this size, and attention at sizes of its own.

    Args:
        unet: options.
        size: height and width of the images, a power of two.
        words: what has this size; empty for the images themselves.
    """
    words = words or f"--size {size}"
    most = size.bit_length() - 1  # halves of the size, down to 2 pixels
    if len(unet.multipliers) > most:
        raise InputError(
            f"--flow.unet.multipliers {' '.join(map(str, unet.multipliers))} halve {words} below 2 by 2. Use"
            f" {most} of them or fewer."
        )
    there = [size >> halves for halves in range(most)]
    for pixels in unet.attention:
        if pixels not in there:
            raise InputError(
                f"--flow.unet.attention {pixels} is no size of a U-Net of {words}. Use one of"
                f" {', '.join(map(str, there))}."
            )
