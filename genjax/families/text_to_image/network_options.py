"""Options of the transformers over tokens, of drawing from them, and of the model that ranks their images."""

from dataclasses import dataclass
from typing import Literal

from genjax.errors import InputError
from genjax.limits import above_zero, at_least, at_most, check_heads


@dataclass(frozen=True)
class PriorConfig:
    """The transformer, and what it is trained to minimise."""

    objective: Literal["autoregressive", "masked"] = "autoregressive"
    """Predict each token from those before it, or hidden image tokens from the others, to decode in parallel."""
    width: int = 192
    """Length of the vectors between the blocks."""
    depth: int = 4
    """Blocks."""
    heads: int = 6
    """Heads of the attention; they divide the width."""
    condition_weight: float = 0.125
    """Autoregressive: part of the loss for predicting the condition, 1 to 7 as in DALL-E; 0 is off."""
    null_probability: float = 0.1
    """Share of conditions that are dropped in training, so that guidance has a branch without one."""
    learning_rate: float = 1e-3
    """Learning rate (Adam)."""
    warm_up_steps: int = 100
    """Steps in which the learning rate rises from 0; 0 is off."""
    beta1: float = 0.9
    """Decay of Adam's first moment."""
    beta2: float = 0.96
    """Decay of Adam's second moment; .96 is DALL-E's."""
    weight_decay: float = 0.045
    """Decay of the kernels, decoupled (AdamW); .045 is DALL-E's; 0 is off."""
    ema_images: float = 10_000
    """Half-life, in images, of the moving average of the parameters that is sampled from; 0 is off."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("prior", self, 1, "width", "depth", "heads")
        at_least("prior", self, 0, "condition_weight", "null_probability", "warm_up_steps")
        at_least("prior", self, 0, "weight_decay", "ema_images", "beta1", "beta2")
        at_most("prior", self, 0.9999999, "condition_weight", "null_probability", "beta1", "beta2")
        above_zero("prior", self, "learning_rate")
        check_heads("prior", self.width, self.heads)


@dataclass(frozen=True)
class DecodingConfig:
    """Settings of drawing tokens from a prior."""

    temperature: float = 1.0
    """Divides the logits: below 1 likely tokens become likelier; 0 takes the likeliest."""
    top_k: int = 0
    """Draw among this many likeliest tokens; 0 is off."""
    top_p: float = 1.0
    """Draw among the likeliest tokens that together have this probability; 1 is off."""
    guidance: float = 1.0
    """Moves the logits from those without the condition to those with it, and beyond; 1 is off."""
    steps: int = 8
    """Masked prior: steps in which all tokens are decoded."""
    choice_temperature: float = 4.5
    """Masked prior: noise at first in which tokens are kept, falling to 0; 4.5 is MaskGIT's."""

    def __post_init__(self) -> None:
        """Refuses values that nothing could be drawn with."""
        at_least("decoding", self, 0, "temperature", "top_k", "guidance", "choice_temperature")
        at_least("decoding", self, 1, "steps")
        above_zero("decoding", self, "top_p")
        if self.top_p > 1:
            raise InputError(f"--decoding.top-p is {self.top_p}, expected a probability above 0 and up to 1.")


@dataclass(frozen=True)
class RerankerConfig:
    """The contrastive model that says how well an image fits a text."""

    width: int = 32
    """Channels next to the image; doubled at each halving of the resolution."""
    text_width: int = 96
    """Length of the vectors between the blocks that read the text."""
    text_depth: int = 2
    """Blocks that read the text."""
    text_heads: int = 4
    """Heads of their attention; they divide the text's width."""
    embedding_size: int = 64
    """Length of what images and texts are compared by."""
    learning_rate: float = 1e-3
    """Learning rate (Adam)."""
    weight_decay: float = 0.01
    """Decay of the kernels, decoupled (AdamW); 0 is off."""
    ema_images: float = 10_000
    """Half-life, in images, of the moving average of the parameters that ranks; 0 is off."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("reranker", self, 1, "width", "text_width", "text_depth", "text_heads", "embedding_size")
        at_least("reranker", self, 0, "weight_decay", "ema_images")
        above_zero("reranker", self, "learning_rate")
        check_heads("reranker", self.text_width, self.text_heads, prefix="text-")
