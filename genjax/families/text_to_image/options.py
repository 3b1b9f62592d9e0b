"""Options of a text-to-image model: its vocabulary, its stages, and what an adaptation and a drawing may choose."""

from dataclasses import dataclass, field
from typing import Literal

from genjax.errors import InputError
from genjax.families.text_to_image.network_options import DecodingConfig, PriorConfig, RerankerConfig
from genjax.families.text_to_image.tokenizers.options import TokenizerConfig
from genjax.limits import above_zero, at_least, changed


@dataclass(frozen=True)
class TextToImageConfig:
    """A tokenizer, one or two priors and a reranker, trained in stages one after the other."""

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
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    prior: PriorConfig = field(default_factory=PriorConfig)
    reranker: RerankerConfig = field(default_factory=RerankerConfig)

    def __post_init__(self) -> None:
        """Raises InputError for values that no training could use."""
        at_least("", self, 1, "tokenizer_steps", "prior_steps")
        at_least("", self, 0, "text_length", "masked_steps", "reranker_steps")
        if self.prior.objective != "autoregressive":
            raise InputError("--prior.objective is of a prior alone. Use --masked-steps for the one that is masked.")
        if self.tokenizer.learning_rate_steps:
            raise InputError("--tokenizer.learning-rate-steps are the stage's own here. Use --tokenizer-steps.")


@dataclass(frozen=True)
class TextToImageAdaptation:
    """The stages of an adaptation; the tokenizer's encoder and codebook, vocabulary and reranker are the source's."""

    tokenizer_steps: int = 0
    """Updates of the tokenizer's decoder; its encoder and codebook stay, so that tokens keep their meaning."""
    prior_steps: int = 300
    """Updates of the autoregressive prior."""
    masked_steps: int = 0
    """Updates of the prior that decodes in parallel; 0 leaves it out of the adapted model."""
    learning_rate: float = 1e-3
    """Learning rate of every stage; it falls to a hundredth of it at the stage's end."""

    def __post_init__(self) -> None:
        """Raises InputError for values that no training could use."""
        at_least("", self, 1, "prior_steps")
        at_least("", self, 0, "tokenizer_steps", "masked_steps")
        above_zero("", self, "learning_rate")


@dataclass(frozen=True)
class TextToImageDrawing:
    """The choices in drawing a text."""

    candidates: int = 8
    """With --text: images of which the reranker chooses each; 1 is without a choice."""
    method: Literal["autoregressive", "parallel"] = "autoregressive"
    """With --text: one token after the other, or all of them in a few steps by the masked prior."""
    decoding: DecodingConfig = field(default_factory=DecodingConfig)
    """With --text: how tokens are drawn."""


def check_typed(options: object) -> None:
    """Raises InputError for options that were typed and that nothing would read."""
    if isinstance(options, TextToImageConfig):
        kind = options.tokenizer.kind
        other = "dvae" if kind == "vq" else "vq"
        for name in changed(getattr(options.tokenizer, other)):
            raise InputError(
                f"--tokenizer.{other}.{name.replace('_', '-')} does nothing with --tokenizer.kind {kind}. Leave it out."
            )
        if options.text == "words" and "text_size" in changed(options):
            raise InputError("--text-size is of byte pairs, and --text words has a word each. Leave it out.")
    if isinstance(options, TextToImageDrawing) and options.method == "autoregressive":
        for name in changed(options.decoding):
            if name in ("steps", "choice_temperature"):
                option = f"--decoding.{name}".replace("_", "-")
                raise InputError(f"{option} does nothing with --method autoregressive. Leave it out.")
