"""A tiny text-to-image model that several tests train, and a stop in the middle of it."""

from signal import SIGTERM

from genjax.config.prior import PriorConfig, RerankerConfig
from genjax.config.text_to_image import TextToImageConfig
from genjax.config.tokenizer import TokenizerConfig

TINY = TextToImageConfig(
    size=16,
    num_images=48,
    batch=8,
    tokenizer_steps=4,
    prior_steps=4,
    masked_steps=3,
    reranker_steps=3,
    log_every=2,
    save_every=2,
    tokenizer=TokenizerConfig(grid=4, codes=8, code_size=4, width=4, depth=0),
    prior=PriorConfig(width=16, depth=1, heads=2),
    reranker=RerankerConfig(width=4, text_width=8, text_depth=1, text_heads=2, embedding_size=8),
)


class StopsAfterOneStep:
    """An interruption that comes while the first step is made."""

    signal = SIGTERM

    def __init__(self):
        self.questions = 0

    def asked(self):
        self.questions += 1
        return self.questions > 1
