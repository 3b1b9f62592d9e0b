"""A tiny text-to-image model that several tests train, and a stop in the middle of it."""

from signal import SIGTERM

from genjax.config.prior import PriorConfig, RerankerConfig
from genjax.config.text_to_image import TextToImageConfig
from genjax.config.tokenizer import TokenizerConfig
from genjax.train.interruption import Interruption
from genjax.train.stage import run_stage

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


class StopsAfterOneStep(Interruption):
    """An interruption that comes while the first step is made."""

    questions = 0

    def asked(self):
        self.questions += 1
        return self.questions > 2  # one before the stage, one before its first step


def stops_when_fresh(folder, stage, interruption, **settings):
    """`run_stage`, stopped after the first step of each stage that was not begun before."""
    if not (folder / stage.name).exists():
        interruption = StopsAfterOneStep(SIGTERM)
    return run_stage(folder, stage, interruption, **settings)
