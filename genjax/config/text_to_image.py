"""What a text-to-image model is asked to be: a tokenizer, one or two priors and a reranker, one after the other."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from genjax.config.model import TEXT_TO_IMAGE, check_size
from genjax.config.prior import PriorConfig, RerankerConfig
from genjax.config.tokenizer import TokenizerConfig
from genjax.config.transfer import L2SpConfig, LoraConfig
from genjax.errors import InputError
from genjax.limits import above_zero, at_least, check_seed


@dataclass(frozen=True)
class TextToImageConfig:
    """Trains a model that makes images of sentences, in stages that each begin where the one before has ended."""

    data: str = "glyphs"
    """A set with captions: glyphs, digits, emoji, emoji:GROUP, or folder:PATH with a captions.jsonl."""
    model: Literal["text2image"] = TEXT_TO_IMAGE
    """What these options are of."""
    size: int = 32
    """Height and width of the images: 16, 32, ... or 512."""
    num_images: int = 0
    """How many images to use; 0 is all that the set has (glyphs, which are drawn: 20,000)."""
    batch: int = 64
    """Images in a batch, of every stage."""
    seed: int = 0
    """Of everything random: images that are drawn, parameters, order of images."""
    text: Literal["words", "byte_pair"] = "words"
    """A closed vocabulary of the captions' words, or byte pairs, for captions in many words."""
    text_length: int = 0
    """Tokens of a text; 0 is the length of the longest caption."""
    text_size: int = 1024
    """Tokens of the byte-pair vocabulary, at most."""
    tokenizer_steps: int = 3000
    """Updates of the tokenizer."""
    prior_steps: int = 6000
    """Updates of the autoregressive prior."""
    masked_steps: int = 6000
    """Updates of the prior that decodes in parallel; 0 is without one."""
    reranker_steps: int = 2000
    """Updates of the reranker, which chooses the best of several images; 0 is without one."""
    log_every: int = 50
    """Steps between lines of metrics.jsonl."""
    save_every: int = 500
    """Steps between checkpoints."""
    skip_broken: bool = False
    """Leave out files of a folder that cannot be read as images, instead of stopping."""
    devices: int = 0
    """Devices that share each batch; 0 is all there are, of CPUs one."""
    shard_state: bool = False
    """Keep a share of parameters and optimiser state on each device instead of all: for networks too large for one."""
    out: Path = Path("runs/text2image")
    """Folder of the model."""
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    prior: PriorConfig = field(default_factory=PriorConfig)
    reranker: RerankerConfig = field(default_factory=RerankerConfig)

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        check_size(self.size)
        self.tokenizer.check_size(self.size)
        at_least("", self, 1, "batch", "tokenizer_steps", "prior_steps", "log_every", "save_every")
        at_least("", self, 0, "num_images", "text_length", "masked_steps", "reranker_steps", "devices")
        check_seed(self)
        if self.prior.objective != "autoregressive":
            raise InputError("--prior.objective is of a prior alone. Use --masked-steps for the one that is masked.")
        if self.tokenizer.learning_rate_steps:
            raise InputError("--tokenizer.learning-rate-steps are the stage's own here. Use --tokenizer-steps.")


@dataclass(frozen=True)
class AdaptTextToImageConfig:
    """Adapts a text-to-image model to another style, from images with captions in words that it knows."""

    source: Path = Path("runs/text2image")
    """Folder of the model to start from."""
    data: str = "digits:captioned"
    """A set with captions: digits or glyphs (the captioned ones), or folder:PATH with a captions.jsonl."""
    num_images: int = 0
    """How many images of the set to use; 0 is all of them."""
    shots: int | None = None
    """Images to adapt to, the same number of each class where there are labels; without it all of them."""
    stratify: bool = True
    """Whether the shots are taken class by class where there are labels: so by default, not with --no-stratify."""
    transfer: str = "lora"
    """Of the priors: full, freeze, lora, scale_shift, singular_values, l2_sp, or several that combine: freeze,l2_sp."""
    tokenizer_steps: int = 0
    """Updates of the tokenizer's decoder; its encoder and codebook stay, so that tokens keep their meaning."""
    prior_steps: int = 300
    """Updates of the autoregressive prior."""
    masked_steps: int = 0
    """Updates of the prior that decodes in parallel; 0 leaves it out of the adapted model."""
    batch: int = 0
    """Images in a batch; 0 is the source's, or all the shots where they are fewer."""
    learning_rate: float = 1e-3
    """Of every stage; it falls to a hundredth of it at the stage's end."""
    seed: int = 0
    """Of everything random: shots, order of images, low-rank updates."""
    log_every: int = 50
    """Steps between lines of metrics.jsonl."""
    save_every: int = 500
    """Steps between checkpoints."""
    skip_broken: bool = False
    """Leave out files of a folder that cannot be read as images, instead of stopping."""
    devices: int = 0
    """Devices that share each batch; 0 is all there are, of CPUs one."""
    shard_state: bool = False
    """Keep a share of parameters and optimiser state on each device instead of all: for networks too large for one."""
    out: Path = Path("runs/adapt")
    """Folder of the adapted model."""
    freeze: tuple[str, ...] = ("embed_*", "block_0/*")
    """Parameters that the transfer freeze keeps: shell patterns over their names."""
    lora: LoraConfig = field(default_factory=LoraConfig)
    l2_sp: L2SpConfig = field(default_factory=L2SpConfig)

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("", self, 1, "prior_steps", "log_every", "save_every")
        at_least("", self, 0, "num_images", "tokenizer_steps", "masked_steps", "batch", "devices")
        check_seed(self)
        above_zero("", self, "learning_rate")
        if self.shots is not None and self.shots < 1:
            raise InputError(f"--shots {self.shots}: there is nothing to adapt to. Use 1 or more, or leave it out.")
