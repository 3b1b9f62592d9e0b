"""Tiny tokenizers that several tests share: what costs is their compilation."""

from functools import cache

import jax
import numpy as np

from genjax.families.text_to_image.tokenizers.build import build_tokenizer
from genjax.families.text_to_image.tokenizers.options import DvaeConfig, TokenizerConfig, VqConfig

TINY = TokenizerConfig(
    grid=4,
    codes=16,
    code_size=8,
    width=8,
    depth=1,
    learning_rate=1e-2,
    ema_images=0.0,
    vq=VqConfig(decay=0.9),
    dvae=DvaeConfig(likelihood="gaussian", kl_weight=0.02, kl_steps=20, temperature_steps=40),
)


def tiny_tokenizer(config=TINY, **settings):
    """A learner for grey images of 8 pixels, with 16 places."""
    return build_tokenizer(config, size=8, channels=1, **settings)


def batch_of(n, seed=0):
    """Images with a bright bar each, upright or lying, at a random place."""
    rng = np.random.default_rng(seed)
    images = np.full((n, 8, 8, 1), 20, np.uint8)
    for image in images:
        place = int(rng.integers(0, 7))
        if rng.integers(2):
            image[place : place + 2] = 230
        else:
            image[:, place : place + 2] = 230
    return {"image": images}


def started(learner, key=0, source=None):
    """The first state, by a compiled init."""
    return _beginning(learner.init)(jax.random.key(key), source)


@cache
def _beginning(init):
    return jax.jit(lambda key, source: init(key, batch_of(8), source=source))
