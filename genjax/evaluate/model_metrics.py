"""Metrics of a model that encodes images or knows their likelihood: how well it explains held-out images."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from genjax.data import Dataset, spread_out
from genjax.data.images import to_float
from genjax.errors import InputError
from genjax.evaluate.features.statistics import image_hash
from genjax.evaluate.metrics.intervals import NORMAL_95
from genjax.evaluate.metrics.of_models.likelihood import (
    active_units,
    draw_log_weights,
    importance_weighted_nats,
    kl_per_latent,
)
from genjax.evaluate.metrics.of_models.similarity import psnr, ssim
from genjax.evaluate.metrics.of_models.unigram import placed_unigram_nats
from genjax.evaluate.records import Record
from genjax.evaluate.sampling import Loaded
from genjax.families.conditions import of_classes
from genjax.families.family import Trained
from genjax.families.model import ModelConfig
from genjax.families.registry import FAMILIES

SAMPLES = 64  # latents an image, K of the bound
MOST = 500  # images, at most: the bound takes K decodings of each
CHUNK = 256
EQUAL_DB = 100.0  # what a reconstruction without any error counts as, so that the mean is a number


class Explained(NamedTuple):
    """Values of a metric.

    Attributes:
        values: (n,), one an image, or (1,) for all.
        method: how it was measured, in a few words.
    """

    values: np.ndarray
    method: str


class Seen(NamedTuple):
    """The inputs of a metric.

    Attributes:
        trained: functions of the model.
        images: uint8 (n, h, w, c), held out.
        reconstructed: the same through the model and back; None where no metric needs it.
        captions: one an image; () without.
        classes: one an image, of a model that encodes by class; None for all others.
        train: images that the model was trained on; None where they are not known.
        seed: of what is drawn.
    """

    trained: Trained
    images: np.ndarray
    reconstructed: np.ndarray | None = None
    captions: tuple[str, ...] = ()
    classes: np.ndarray | None = None
    train: np.ndarray | None = None
    seed: int = 0


class ModelMetric(NamedTuple):
    """A metric of a model.

    Attributes:
        measure: Seen -> Explained.
        needs: functions of the model that it calls, by their names in `Trained`.
        captions: whether it needs a caption for each image, in words that the model knows.
        train: whether it needs the training images.
    """

    measure: Callable[[Seen], Explained]
    needs: tuple[str, ...]
    captions: bool = False
    train: bool = False


def measure_nats(seen: Seen) -> Explained:
    """Measures the bound on -log p(x) by importance weighting, in nats per image. (Burda et al. 2016, eq. 8)"""
    encode, log_likelihood = seen.trained.encode, seen.trained.log_likelihood
    if encode is None or log_likelihood is None:
        raise ValueError("a bound needs an encoder and a likelihood")
    images = np.asarray(to_float(seen.images))
    weights = draw_log_weights(
        lambda rows: encode(images[rows], *_classes(seen, rows)),
        lambda rows, latents: log_likelihood(images[rows], latents, *_classes(seen, rows)),
        np.arange(len(images)),
        jax.random.key(seen.seed),
        samples=SAMPLES,
        chunk=CHUNK,
    )
    given = "" if seen.classes is None else ", given its class"
    return Explained(importance_weighted_nats(weights), f"K={SAMPLES}, {seen.trained.density}{given}")


def measure_active_units(seen: Seen) -> Explained:
    """Counts the latents that the model uses."""
    means, _ = _posterior(seen)
    return Explained(np.asarray([active_units(means)], float), f"of {means.shape[1]}, variance of the mean above 0.01")


def measure_kl(seen: Seen) -> Explained:
    """Measures what the latents carry in all, in nats per image."""
    return Explained(np.asarray([kl_per_latent(*_posterior(seen)).sum()]), "sum over latents")


def measure_psnr(seen: Seen) -> Explained:
    """Measures the reconstruction in decibels."""
    return Explained(np.minimum(psnr(seen.images, _reconstructed(seen)), EQUAL_DB), seen.trained.there_and_back)


def measure_ssim(seen: Seen) -> Explained:
    """Measures the structural similarity of the reconstruction."""
    return Explained(ssim(seen.images, _reconstructed(seen)), seen.trained.there_and_back)


def measure_token_nats(seen: Seen) -> Explained:
    """Measures -log p of an image's tokens given its text, in nats."""
    if seen.trained.tokens is None or seen.trained.token_nats is None:
        raise ValueError("tokens of a model that has none")
    nats = seen.trained.token_nats(seen.trained.tokens(seen.images), seen.captions)
    return Explained(nats, "of an image's tokens, given its text")


def measure_unigram_nats(seen: Seen) -> Explained:
    """Measures the nats of an image's tokens by counts of each place in the training images."""
    if seen.trained.tokens is None:
        raise ValueError("tokens of a model that has none")
    known, tokens = seen.trained.tokens(seen.train), seen.trained.tokens(seen.images)
    return Explained(placed_unigram_nats(known, tokens, seen.trained.codes), "the same, by counts of each place")


EXPLANATIONS: dict[str, ModelMetric] = {
    "nats": ModelMetric(measure_nats, ("encode", "log_likelihood")),
    "kl": ModelMetric(measure_kl, ("encode",)),
    "active_units": ModelMetric(measure_active_units, ("encode",)),
    "psnr": ModelMetric(measure_psnr, ("reconstruct",)),
    "ssim": ModelMetric(measure_ssim, ("reconstruct",)),
    "token_nats": ModelMetric(measure_token_nats, ("tokens", "token_nats"), captions=True),
    "unigram_nats": ModelMetric(measure_unigram_nats, ("tokens", "token_nats"), captions=True, train=True),
}  # said in words in `metrics.of_models.explained`


def explains(trained: Trained) -> tuple[str, ...]:
    """Returns the names of `EXPLANATIONS` that a model has.

    Where a density belongs to a batch, the bound of an image would depend on which others are with it.
    """
    return tuple(
        name
        for name, metric in EXPLANATIONS.items()
        if all(getattr(trained, need) is not None for need in metric.needs) and (name != "nats" or trained.density)
    )


def check_explained(metrics: Sequence[str], model: ModelConfig) -> None:
    """Raises InputError for metrics that the family of a model does not have, by the names of those that do."""
    family = FAMILIES[model.family]
    for name in metrics:
        having = [other for other in FAMILIES.values() if set(EXPLANATIONS[name].needs) <= set(other.functions)]
        if family not in having:
            labels = " or ".join(f"a {other.label}" for other in having)
            raise InputError(f"{', '.join(metrics)} need {labels}, and this is a {family.label}. Leave them out.")


def explain(
    loaded: Loaded,
    images: Dataset,
    *,
    metrics: Sequence[str] | None = None,
    train: np.ndarray | None = None,
    data: str = "unnamed",
    split: str = "unknown",
    seed: int = 0,
) -> list[Record]:
    """Measures how a model explains images.

    Args:
        loaded: a model.
        images: of its size and channels, held out; at most `MOST` of them are used, from all over the set.
        metrics: names of `EXPLANATIONS`; None is all that it has and for which there are images.
        train: uint8 images that it was trained on; None where they are not known.
        data: name of the images, for the record.
        split: of the images, for the record.
        seed: of the latents that are drawn.
    Raises:
        InputError: a metric that the model does not have or that has no meaning for it, or images of another size.
    """
    trained, config = loaded.trained, loaded.model.config
    known = explains(trained)
    if metrics is None:
        metrics = [
            name
            for name in known
            if (train is not None or not EXPLANATIONS[name].train)
            and (images.captions or not EXPLANATIONS[name].captions)
        ]
    check_explained(metrics, config)
    wanted, found = (config.size, config.size, config.channels), tuple(images.images.shape[1:])
    if found != wanted:
        raise InputError(f"images are {found}, and the model was made for {wanted}. Load them at that size.")
    meaningless = [name for name in metrics if name not in known]
    if meaningless:
        raise InputError(
            f"{meaningless[0]} of a model with {trained.no_density} has no meaning: the scale is that of a"
            " batch, so that an image has no density of its own. Leave it out."
        )
    chosen = spread_out(of_classes(images, trained.classes)[0] if trained.classes else images, MOST)
    if not len(chosen):
        raise InputError(
            f"{images.name} has no image of the model's classes ({', '.join(trained.classes[:10])}). Use data with"
            f" these classes, or leave out {', '.join(metrics)}."
        )
    classes = np.asarray(of_classes(chosen, trained.classes)[1], object) if trained.classes else None
    some = chosen.images[:]
    seen = Seen(trained, some, None, chosen.captions, classes, train, seed)
    needed = {need for name in metrics for need in EXPLANATIONS[name].needs}
    if "reconstruct" in needed and trained.reconstruct is not None:
        seen = seen._replace(reconstructed=trained.reconstruct(some, *_classes(seen)))
    return [
        record_of(name, EXPLANATIONS[name].measure(seen), some, data=data, split=split, seed=seed) for name in metrics
    ]


def record_of(name: str, found: Explained, images: np.ndarray, *, data: str, split: str, seed: int) -> Record:
    """Makes the record of a metric without a feature network: its mean over images, with a normal interval."""
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


def _classes(seen: Seen, rows: Any = slice(None)) -> tuple[np.ndarray, ...]:
    """Returns what an encoder takes beside some of the images: their classes, or nothing."""
    return () if seen.classes is None else (seen.classes[rows],)


def _posterior(seen: Seen) -> tuple[np.ndarray, np.ndarray]:
    if seen.trained.encode is None:
        raise ValueError("a model without an encoder has no posterior")
    mean, log_variance = seen.trained.encode(seen.images, *_classes(seen))
    return np.asarray(mean, np.float64), np.asarray(log_variance, np.float64)


def _reconstructed(seen: Seen) -> np.ndarray:
    if seen.reconstructed is None:
        raise ValueError("a model without an encoder reconstructs nothing")
    return seen.reconstructed
