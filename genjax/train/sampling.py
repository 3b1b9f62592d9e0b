"""Pictures out of a run that is on disk."""

from pathlib import Path

import jax
import numpy as np

from genjax.errors import InputError
from genjax.train.artifact import load_model
from genjax.train.build import build_learner
from genjax.train.recipes import build_transfers
from genjax.train.render import make_renderer


def sample_run(run: Path, num: int, *, seed: int = 0, which: str = "latest", source: Path | None = None) -> np.ndarray:
    """Images from the averaged parameters of a run: (num, h, w, c), uint8.

    The same seed gives the same latents in every run of the same latent size, so that a source and its adaptation can
    be laid side by side.

    Args:
        run: its folder.
        num: how many.
        seed: of the latents.
        which: latest or best.
        source: where the run that it was adapted from lies, if it has been moved.
    Raises:
        InputError: fewer than 1 image, or see `load_model`.
    """
    if num < 1:
        raise InputError(f"--num {num} images were asked for. Ask for 1 or more.")
    model = load_model(run, which=which, source=source, sampled_only=True)
    learner = build_learner(model.config, build_transfers(None, model.config) | model.transfers)
    latents = learner.latents(jax.random.key(seed), num)
    return make_renderer(learner)(model.networks, model.context, latents)
