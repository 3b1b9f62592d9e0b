"""Pictures out of a run that is on disk."""

from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np

from genjax.errors import InputError
from genjax.families.build import build_learner
from genjax.families.recipes import build_transfers
from genjax.families.render import make_renderer
from genjax.families.text_to_image.model import is_text_to_image, load_text_to_image
from genjax.families.text_to_image.network_options import DecodingConfig
from genjax.store.model import load_model


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
    if is_text_to_image(run):
        raise InputError(f'{run} draws what a text says. Say it with --text, such as --text "a bold red seven".')
    model = load_model(run, which=which, source=source, sampled_only=True)
    learner = build_learner(model.config, build_transfers(None, model.config) | model.transfers)
    latents = learner.latents(jax.random.key(seed), num)
    return make_renderer(learner)(model.networks, model.context, latents)


def sample_texts(
    run: Path,
    texts: Sequence[str],
    num: int,
    *,
    seed: int = 0,
    candidates: int = 8,
    method: str = "autoregressive",
    decoding: DecodingConfig | None = None,
) -> np.ndarray:
    """Images of texts by a text-to-image model: (len(texts) * num, h, w, c), uint8, those of a text in a row.

    Args:
        run: its folder.
        texts: what is to be seen.
        num: images of each text.
        seed: of what is drawn.
        candidates: of which the reranker chooses each image.
        method: autoregressive or parallel.
        decoding: temperature and the like.
    Raises:
        InputError: fewer than 1 image, or see `load_text_to_image` and `TextToImage.sample`.
    """
    if num < 1:
        raise InputError(f"--num {num} images were asked for. Ask for 1 or more.")
    model = load_text_to_image(run)
    model.vocabulary.encode(texts)  # of which one is wrong is said before they are repeated
    repeated = [text for text in texts for _ in range(num)]
    return model.sample(repeated, jax.random.key(seed), candidates=candidates, method=method, decoding=decoding).images
