"""How well a VAE explains images that it has not seen: likelihood, latents in use, reconstruction, as records."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np

from genjax.data.images import to_float, to_uint8
from genjax.errors import InputError
from genjax.evaluate import (
    Record,
    active_units,
    draw_log_weights,
    importance_weighted_nats,
    kl_per_latent,
    psnr,
    ssim,
)
from genjax.evaluate.features.statistics import image_hash
from genjax.evaluate.metrics.intervals import NORMAL_95
from genjax.families.build import build_learner
from genjax.families.learner import Learner
from genjax.families.recipes import build_transfers
from genjax.store.model import Model

SAMPLES = 64  # latents an image, K of the bound
MOST = 500  # images, at most: the bound takes K decodings of each
CHUNK = 256
EQUAL_DB = 100.0  # what a reconstruction without any error counts as, so that the mean is a number


class Explained(NamedTuple):
    """One value of each image, or one number for all."""

    values: np.ndarray
    method: str


Measure = Callable[[Model, Learner, np.ndarray, int], Explained]


def measure_nats(model: Model, learner: Learner, images: np.ndarray, seed: int) -> Explained:
    """The bound on -log p(x) by importance weighting, in nats per image. (Burda et al. 2016, eq. 8)"""
    encode, log_likelihood = _of_vae(learner)
    encode, log_likelihood = jax.jit(encode), jax.jit(log_likelihood)
    weights = draw_log_weights(
        lambda part: encode(model.networks, model.context, part),
        lambda part, latents: log_likelihood(model.networks, model.context, part, latents),
        np.asarray(to_float(images)),
        jax.random.key(seed),
        samples=SAMPLES,
        chunk=CHUNK,
    )
    return Explained(importance_weighted_nats(weights), f"K={SAMPLES}, {model.config.vae.likelihood}")


def measure_active_units(model: Model, learner: Learner, images: np.ndarray, seed: int) -> Explained:
    """How many latents the model uses."""
    means, _ = _posterior(model, learner, images)
    return Explained(np.asarray([active_units(means)], float), f"of {means.shape[1]}, variance of the mean above 0.01")


def measure_kl(model: Model, learner: Learner, images: np.ndarray, seed: int) -> Explained:
    """What the latents carry in all, in nats per image."""
    return Explained(np.asarray([kl_per_latent(*_posterior(model, learner, images)).sum()]), "sum over latents")


def measure_psnr(model: Model, learner: Learner, images: np.ndarray, seed: int) -> Explained:
    """Of the reconstruction at the posterior mean, in decibels."""
    return Explained(np.minimum(psnr(images, _reconstructed(model, learner, images)), EQUAL_DB), "posterior mean")


def measure_ssim(model: Model, learner: Learner, images: np.ndarray, seed: int) -> Explained:
    """Of the reconstruction at the posterior mean."""
    return Explained(ssim(images, _reconstructed(model, learner, images)), "posterior mean")


EXPLANATIONS: dict[str, Measure] = {
    "nats": measure_nats,
    "kl": measure_kl,
    "active_units": measure_active_units,
    "psnr": measure_psnr,
    "ssim": measure_ssim,
}


def explains(model: Model) -> tuple[str, ...]:
    """The names of `EXPLANATIONS` that mean something for this model.

    Under optimal_gaussian a density belongs to a batch: the bound of an image depends on which others are with it.
    """
    return tuple(name for name in EXPLANATIONS if name != "nats" or model.config.vae.likelihood != "optimal_gaussian")


def explain(
    model: Model,
    images: np.ndarray,
    *,
    metrics: Sequence[str] | None = None,
    data: str = "unnamed",
    split: str = "unknown",
    seed: int = 0,
) -> list[Record]:
    """Records of how a VAE explains images.

    Args:
        model: a VAE.
        images: uint8 (n, h, w, c), of its size and channels, held out; the first `MOST` are used.
        metrics: names of `EXPLANATIONS`; None is all of `explains(model)`.
        data: what the images are, for the record.
        split: of the images, for the record.
        seed: of the latents that are drawn.
    Raises:
        InputError: a model without an encoder, a metric that has no meaning for it, or images of another size.
    """
    metrics = explains(model) if metrics is None else metrics
    learner = build_learner(model.config, build_transfers(None, model.config) | model.transfers)
    if learner.encode is None:
        raise InputError(
            f"{', '.join(metrics)} need a VAE, and this is a {model.config.family.upper()}. Leave them out."
        )
    wanted = (model.config.size, model.config.size, model.config.channels)
    if images.shape[1:] != wanted:
        raise InputError(f"images are {images.shape[1:]}, and the model was made for {wanted}. Load them at that size.")
    meaningless = [name for name in metrics if name not in explains(model)]
    if meaningless:
        raise InputError(
            f"{meaningless[0]} of a model with --vae.likelihood optimal_gaussian has no meaning: the scale is that of a"
            " batch, so that an image has no density of its own. Leave it out."
        )
    images, records = images[:MOST], []
    for name in metrics:
        found = EXPLANATIONS[name](model, learner, images, seed)
        records.append(record_of(name, found, images, data=data, split=split, seed=seed))
    return records


def record_of(name: str, found: Explained, images: np.ndarray, *, data: str, split: str, seed: int) -> Record:
    """The record of a metric without a feature network: its mean over images, with a normal interval."""
    value, n = float(found.values.mean()), len(found.values)
    interval, note = None, "none: one number for all images"
    if n > 1:
        half = NORMAL_95 * float(found.values.std(ddof=1)) / n**0.5
        interval, note = (value - half, value + half), "normal, over images"
    return Record(
        name=name,
        value=value,
        interval=interval,
        interval_note=note,
        method=found.method,
        n_real=len(images),
        n_fake=0,
        split=split,
        data=data,
        data_hash=image_hash(images),
        extractor="none",
        extractor_version="",
        extractor_sha256="",
        resize="",
        seed=seed,
    )


def _posterior(model: Model, learner: Learner, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    encode = jax.jit(_of_vae(learner)[0])
    mean, log_variance = encode(model.networks, model.context, np.asarray(to_float(images)))
    return np.asarray(mean, np.float64), np.asarray(log_variance, np.float64)


def _reconstructed(model: Model, learner: Learner, images: np.ndarray) -> np.ndarray:
    if learner.reconstruct is None:
        raise ValueError("a learner that encodes also reconstructs")
    return to_uint8(np.asarray(jax.jit(learner.reconstruct)(model.networks, model.context, images)))


def _of_vae(learner: Learner) -> tuple[Callable, Callable]:
    if learner.encode is None or learner.log_likelihood is None:
        raise ValueError("a learner without an encoder explains nothing")
    return learner.encode, learner.log_likelihood
