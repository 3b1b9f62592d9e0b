"""What a report shows of a model: its samples, what lies between them, and the real images that are nearest."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from genjax.data import Dataset
from genjax.evaluate import Extractor, extract_features
from genjax.evaluate.metrics.memorisation import nearest
from genjax.evaluate.metrics.neighbours import squared_distances
from genjax.evaluate.run_data import Real
from genjax.families.build import build_learner
from genjax.families.learner import Learner
from genjax.families.recipes import build_transfers
from genjax.families.render import make_renderer
from genjax.report.page import LINE, Neighbourhood
from genjax.report.warnings import Likeness, likeness
from genjax.store.model import Model

SAMPLED = 1000  # images that are drawn, to be judged and searched
BETWEEN, PATHS = 8, 6  # images of an interpolation, and how many of these
RECONSTRUCTED = 2 * LINE
SEARCHED = 5000  # training images among which the nearest are looked for, at most
NEAREST, STRIPS = 4, 6  # training images beside a sample, and samples at each end
SPREAD = 300  # images between which distances are averaged


class Drawn(NamedTuple):
    """What a model makes, uint8.

    Attributes:
        samples: (n, h, w, c), of seed 0.
        interpolations: (PATHS, BETWEEN, h, w, c).
        originals: (m, h, w, c), held-out images; None where there is no encoder.
        reconstructed: the same through encoder and decoder.
    """

    samples: np.ndarray
    interpolations: np.ndarray
    originals: np.ndarray | None = None
    reconstructed: np.ndarray | None = None


def draw(model: Model, held_out: Dataset | None) -> Drawn:
    """Pictures of a model's averaged parameters; its samples are those of `genjax sample --seed 0`."""
    learner = build_learner(model.config, build_transfers(None, model.config) | model.transfers)
    render = make_renderer(learner)
    latents = learner.latents(jax.random.key(0), SAMPLED)
    between = jnp.concatenate([on_sphere(latents[2 * row], latents[2 * row + 1], BETWEEN) for row in range(PATHS)])
    images = render(model.networks, model.context, jnp.concatenate([latents, between]))
    samples, paths = images[:SAMPLED], images[SAMPLED:]
    drawn = Drawn(samples, paths.reshape(PATHS, BETWEEN, *paths.shape[1:]))
    if learner.reconstruct is None or held_out is None:
        return drawn
    return _with_reconstructions(drawn, learner, model, held_out)


def on_sphere(start: jax.Array, end: jax.Array, n: int) -> jax.Array:
    """n latents from one to another, on the arc between them, where Gaussian latents lie: (n, d). (White 2016)"""
    cosine = jnp.vdot(start, end) / (jnp.linalg.norm(start) * jnp.linalg.norm(end))
    angle = jnp.arccos(jnp.clip(cosine, -1 + 1e-6, 1 - 1e-6))
    part = jnp.linspace(0.0, 1.0, n)[:, None]
    return (jnp.sin((1 - part) * angle) * start[None] + jnp.sin(part * angle) * end[None]) / jnp.sin(angle)


def neighbourhoods(
    samples: np.ndarray, real: Real, extractor: Extractor
) -> tuple[tuple[Neighbourhood, ...], tuple[Neighbourhood, ...], str, Likeness]:
    """(the samples nearest to a training image, those farthest from any, the unit of distance, how they lie in all)."""
    if real.train is None:
        raise ValueError("without training images there are no nearest ones")
    train = spread_out(real.train, SEARCHED)
    train_features = extract_features(extractor, train.images[:])
    features = extract_features(extractor, samples)
    indices, distances = nearest(features, train_features, min(NEAREST, len(train)))
    usual, reference = None, train_features
    if real.held_out is not None:
        reference = extract_features(extractor, spread_out(real.held_out, SAMPLED).images[:])
        usual = nearest(reference, train_features, 1)[1][:, 0]
    unit = float(np.median(usual)) if usual is not None else 0.0

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
    """Between two of the first `SPREAD` rows, over all pairs; 0 for a single one."""
    some = features[:SPREAD]
    total = sum(np.sqrt(squared).sum() for _, squared in squared_distances(some, some))
    return float(total / max(1, len(some) * (len(some) - 1)))


def spread_out(images: Dataset, most: int) -> Dataset:
    """At most `most` images, from all over a set that may be sorted."""
    return images.take(np.unique(np.linspace(0, len(images) - 1, min(most, len(images))).round()))


def about(images: Dataset, index: int) -> str:
    """The caption of an image, else its class, else nothing."""
    if images.captions:
        return images.captions[index]
    return "" if images.labels is None else f"class {images.class_names[images.labels[index]]}"


def _with_reconstructions(drawn: Drawn, learner: Learner, model: Model, held_out: Dataset) -> Drawn:
    from genjax.data.images import to_uint8

    if learner.reconstruct is None:
        return drawn
    originals = spread_out(held_out, RECONSTRUCTED).images[:]
    decoded = jax.jit(learner.reconstruct)(model.networks, model.context, originals)
    return drawn._replace(originals=originals, reconstructed=to_uint8(np.asarray(decoded)))
