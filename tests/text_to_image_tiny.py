"""A tiny text-to-image model that several tests share, and a stop in the middle of its training."""

import dataclasses
import json
import os
import shutil
from pathlib import Path
from signal import SIGTERM

import jax
from filelock import FileLock
from genjax.config.text_to_image import TextToImageConfig
from genjax.store.stage_files import load_stage, save_stage
from genjax.training.text_to_image import train_text_to_image

from genjax.families.text_to_image.network_options import PriorConfig, RerankerConfig
from genjax.families.text_to_image.tokenizer_options import TokenizerConfig
from genjax.training.interruption import Interruption
from genjax.training.stage import run_stage

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


def trained(out):
    """The folder of a copy of TINY, trained without a stop, once for all the tests of a session."""
    kept = Path(os.environ["GENJAX_TESTS_KEPT"]) / "text_to_image"
    with FileLock(f"{kept}.lock"):
        if not (kept / "reranker" / "model.json").exists():  # the last that is written
            assert train_text_to_image(dataclasses.replace(TINY, out=kept)).signal is None
        shutil.copytree(kept, out)
    settings = (out / "config.json").read_text()
    (out / "config.json").write_text(settings.replace(str(kept), str(out)))
    return out


def retrained(folder, name):
    """The stage of a model is another one from now on, as if trained again with the same parts."""
    parts = json.loads((folder / name / "model.json").read_text())["belongs_to"]
    network = jax.tree.map(lambda leaf: leaf + 1, load_stage(folder, name))
    save_stage(folder, name, network, step=1, belongs_to=parts)


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
