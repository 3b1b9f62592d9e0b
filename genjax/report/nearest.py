"""The pictures of a report: samples, what lies between them, reconstructions, and the real images that are nearest."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from genjax.data import Dataset, spread_out
from genjax.evaluate import Extractor, extract_features
from genjax.evaluate.metrics.memorisation import nearest
from genjax.evaluate.metrics.neighbours import squared_distances
from genjax.evaluate.run_data import Real
from genjax.families.conditions import of_classes
from genjax.families.family import Trained
from genjax.report.page import LINE, Drawn, Neighbourhood
from genjax.report.warnings import Likeness, likeness

TEXTS = 8  # that are drawn several times
JUDGED = 500  # samples that are drawn, judged and searched, and held-out images beside them
MOST = 1000  # of either
BETWEEN, PATHS = 8, 6  # images of an interpolation, and how many of these
RECONSTRUCTED = 2 * LINE
SEARCHED = 5000  # training images among which the nearest are looked for, at most
NEAREST, STRIPS = 4, 6  # training images beside a sample, and samples at each end
SPREAD = 300  # images between which distances are averaged


class Pictures(NamedTuple):
    """The images that a report shows of a model, uint8.

    Attributes:
        samples: (n, h, w, c), of seed 0.
        interpolations: (PATHS, BETWEEN, h, w, c); None for a model without latents.
        drawn: texts, each with several images; () for a model without.
        originals: (m, h, w, c), real images; None where there is no encoder.
        reconstructed: the same through the encoder and back.
    """

    samples: np.ndarray
    interpolations: np.ndarray | None = None
    drawn: tuple[Drawn, ...] = ()
    originals: np.ndarray | None = None
    reconstructed: np.ndarray | None = None


def draw_pictures(trained: Trained, shown: Dataset | None, texts: Sequence[str] | None, num: int = JUDGED) -> Pictures:
    """Draws the pictures of a model; its samples are those of `genjax sample --seed 0`.

    Args:
        trained: functions of the model.
        shown: real images to reconstruct; None without.
        texts: one a sample, for a model of texts.
        num: samples of a model without texts.
    """
    key = jax.random.key(0)
    if texts is not None:
        pictures = Pictures(trained.draw(key, len(texts), texts, None), drawn=_drawn_texts(trained, texts))
    elif trained.draw_latents is not None and trained.render is not None:
        latents = trained.draw_latents(key, max(num, 2 * PATHS))
        paths = [on_sphere(latents[2 * row], latents[2 * row + 1], BETWEEN) for row in range(PATHS)]
        images = trained.render(jnp.concatenate([latents[:num], *paths]))
        between = images[num:]
        pictures = Pictures(images[:num], between.reshape(PATHS, BETWEEN, *between.shape[1:]))
    else:
        pictures = Pictures(trained.draw(key, num, None, None))
    if trained.reconstruct is None or shown is None:
        return pictures
    shown = spread_out(of_classes(shown, trained.classes)[0] if trained.classes else shown, RECONSTRUCTED)
    if not len(shown):
        return pictures
    classes = (of_classes(shown, trained.classes)[1],) if trained.classes else ()
    originals = shown.images[:]
    return pictures._replace(originals=originals, reconstructed=trained.reconstruct(originals, *classes))


def _drawn_texts(trained: Trained, texts: Sequence[str]) -> tuple[Drawn, ...]:
    """Draws the first texts that differ, each as often as a line has room."""
    some = list(dict.fromkeys(texts))[:TEXTS]
    asked = [text for text in some for _ in range(LINE)]
    images = trained.draw(jax.random.key(1), len(asked), asked, None)
    return tuple(Drawn(text, images[LINE * row : LINE * (row + 1)]) for row, text in enumerate(some))


def on_sphere(start: jax.Array, end: jax.Array, n: int) -> jax.Array:
    """Returns n latents (n, d) on the arc from one to another, where Gaussian latents lie. (White 2016)"""
    cosine = jnp.vdot(start, end) / (jnp.linalg.norm(start) * jnp.linalg.norm(end))
    angle = jnp.arccos(jnp.clip(cosine, -1 + 1e-6, 1 - 1e-6))
    part = jnp.linspace(0.0, 1.0, n)[:, None]
    return (jnp.sin((1 - part) * angle) * start[None] + jnp.sin(part * angle) * end[None]) / jnp.sin(angle)


def neighbourhoods(
    samples: np.ndarray, real: Real, extractor: Extractor
) -> tuple[tuple[Neighbourhood, ...], tuple[Neighbourhood, ...], str, Likeness]:
    """Finds the samples nearest to a training image and those farthest from any.

    Returns:
        These two, the unit of distance in words, and how all samples lie.
    """
    if real.train is None:
        raise ValueError("without training images there are no nearest ones")
    train = spread_out(real.train, SEARCHED)
    train_features = extract_features(extractor, train.images[:])
    features = extract_features(extractor, samples)
    indices, distances = nearest(features, train_features, min(NEAREST, len(train)))
    usual, reference = None, train_features
    if real.held_out is not None:
        reference = extract_features(extractor, spread_out(real.held_out, MOST).images[:])
        usual = nearest(reference, train_features, 1)[1][:, 0]
    new = usual[usual > 0] if usual is not None else []  # the others are training images that were held out as well
    unit = float(np.median(new)) if len(new) else 0.0

    def shown(rows: np.ndarray) -> tuple[Neighbourhood, ...]:
        return tuple(
            Neighbourhood(
                samples[row],
                train.images[indices[row]],
                float(distances[row, 0] / (unit or 1)),
                about(train, indices[row, 0]),
            )
            for row in rows
        )

    order = np.argsort(distances[:, 0], kind="stable")
    found = likeness(
        samples,
        train.images[indices[:, 0]],
        distances=distances[:, 0],
        usual=usual,
        spread=mean_distance(features) / (mean_distance(reference) or 1.0),
    )
    words = "where 1 is what is usual for a held-out image" if unit else "in the network's own units"
    return shown(order[:STRIPS]), shown(order[::-1][:STRIPS]), words, found


def mean_distance(features: np.ndarray) -> float:
    """Returns the mean distance between two of the first `SPREAD` rows, over all pairs; 0 for a single one."""
    some = features[:SPREAD]
    total = sum(np.sqrt(squared).sum() for _, squared in squared_distances(some, some))
    return float(total / max(1, len(some) * (len(some) - 1)))


def about(images: Dataset, index: int) -> str:
    """Returns the caption of an image, else its class, else nothing."""
    if images.captions:
        return images.captions[index]
    return "" if images.labels is None else f"class {images.class_names[images.labels[index]]}"
