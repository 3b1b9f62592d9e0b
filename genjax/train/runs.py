"""Using a run that is trained: pictures out of it, and a judgement of it against held-out images."""

from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np

from genjax.data import load
from genjax.errors import InputError
from genjax.evaluate import Record, evaluate_images, load_extractor
from genjax.train.artifact import load_model
from genjax.train.build import build_learner, build_transfers
from genjax.train.plan import saved_data
from genjax.train.render import make_renderer
from genjax.train.run_folder import RunFolder


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
    learner = build_learner(model.config, build_transfers(None, model.config.family) | model.transfers)
    latents = learner.latents(jax.random.key(seed), num)
    return make_renderer(learner)(model.networks, model.context, latents)


def evaluate_run(
    run: Path,
    *,
    data: str = "",
    split: str = "test",
    num: int = 0,
    metrics: Sequence[str] = ("kd", "fd", "precision", "recall", "density", "coverage"),
    seed: int = 0,
    which: str = "latest",
    source: Path | None = None,
) -> list[Record]:
    """Records of a run's samples against real images that it was not trained on.

    Args:
        run: its folder.
        data: the real set; empty is the one that the run was trained on.
        split: of the real set.
        num: generated images; 0 is as many as there are real ones.
        metrics: by name.
        seed: of the latents.
        which: latest or best.
        source: where the run that it was adapted from lies, if it has been moved.
    Raises:
        InputError: a set, a metric or a run that cannot be used.
    """
    model = load_model(run, which=which, source=source, sampled_only=True)
    name = data or saved_data(RunFolder(run))
    real = load(name, size=model.config.size, channels=model.config.channels, split=split)
    fake = sample_run(run, num or len(real), seed=seed, which=which, source=source)
    extractor = load_extractor("embedded-v1")
    indices = np.arange(len(real))
    return evaluate_images(
        real.images[indices],
        fake,
        extractor=extractor,
        metrics=tuple(metrics),
        data=name,
        split=split,
        seed=seed,
    )
