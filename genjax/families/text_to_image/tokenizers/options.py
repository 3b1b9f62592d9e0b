"""Options of the discrete autoencoder that turns an image into tokens and back."""

from dataclasses import dataclass, field
from typing import Literal

from genjax.errors import InputError
from genjax.limits import above_zero, at_least, at_most


@dataclass(frozen=True)
class VqConfig:
    """A VQ-VAE: each place has the code that is nearest to it."""

    likelihood: str = "gaussian"
    """Likelihood of the image given its codes: gaussian (unit scale), optimal_gaussian, bernoulli or logit_laplace."""
    commitment_weight: float = 0.25
    """Weight of the squared distance of the encoder's vectors to their codes, beta."""
    decay: float = 0.99
    """Decay per step of the moving averages that the codes are."""
    restart_below: float = 0.02
    """Share of its part of the vectors under which a code is moved to where it is needed; 0 is off."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("vq", self, 0, "commitment_weight", "decay", "restart_below")
        at_most("vq", self, 0.9999999, "decay", "restart_below")


@dataclass(frozen=True)
class DvaeConfig:
    """A discrete VAE: each place draws a code, softly at first.

    DALL-E's likelihood (logit_laplace) and weight (6.6, of 192 values a token, rising from 0) made all codes one on
    small images with a black ground: all reconstructions were black. The defaults are what learned there.
    """

    likelihood: str = "gaussian"
    """Likelihood of the image given its codes: gaussian (unit scale), optimal_gaussian, bernoulli or logit_laplace."""
    kl_weight: float = 0.1
    """Weight of the KL divergence from uniform codes at the end of its annealing, beta."""
    kl_steps: int = 0
    """Steps in which that weight rises from 0; 0 is from the start."""
    last_temperature: float = 1 / 16
    """Temperature of the relaxed draws at the end; it begins at 1."""
    temperature_steps: int = 1500
    """Steps in which the temperature falls; 0 is from the start."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("dvae", self, 0, "kl_weight", "kl_steps", "temperature_steps")
        above_zero("dvae", self, "last_temperature")


@dataclass(frozen=True)
class TokenizerConfig:
    """The networks of a tokenizer, and which of the two kinds it is."""

    kind: Literal["vq", "dvae"] = "vq"
    """vq or dvae."""
    grid: int = 8
    """Rows and columns of tokens: 8 makes 64 tokens of an image. A power of two, less than the image's size."""
    codes: int = 256
    """Codes of the codebook."""
    code_size: int = 32
    """Length of a code."""
    width: int = 32
    """Channels at half of the image's resolution; doubled at each halving."""
    depth: int = 2
    """Residual blocks of encoder and decoder, at the resolution of the grid."""
    learning_rate: float = 1e-3
    """Learning rate (Adam)."""
    learning_rate_steps: int = 0
    """Steps in which it falls to a hundredth, along a cosine: those of the whole training; 0 is never."""
    ema_images: float = 10_000
    """Half-life, in images, of the moving average of the parameters that encodes and decodes; 0 is off."""
    vq: VqConfig = field(default_factory=VqConfig)
    dvae: DvaeConfig = field(default_factory=DvaeConfig)

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("tokenizer", self, 1, "grid", "code_size", "width")
        at_least("tokenizer", self, 2, "codes")
        at_least("tokenizer", self, 0, "depth", "ema_images", "learning_rate_steps")
        above_zero("tokenizer", self, "learning_rate")
        if self.grid & (self.grid - 1):
            raise InputError(f"--tokenizer.grid {self.grid} is no power of two. Use 4, 8 or 16.")

    def check_size(self, size: int) -> None:
        """Raises InputError unless images of this size have such a grid."""
        if self.grid >= size:
            raise InputError(
                f"--tokenizer.grid {self.grid} is not smaller than --size {size}. Use {max(1, size // 4)} or less."
            )
