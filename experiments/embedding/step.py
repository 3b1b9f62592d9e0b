"""Training step of the embedding: augmentation, the heads and their losses."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from experiments.embedding.images import POSE, UNKNOWN, VALUES, Labelled
from genjax.data import to_float
from genjax.models.features.embedding import SIZE, Embedding, Heads

HEADS = Heads({name: len(values) for name, values in VALUES.items()} | {"pose": POSE})
STYLE_WEIGHT = 0.3  # of each head in the loss; the glyph has 1
CLEAN = 0.5  # part of the images that is not blurred, and as large a part that is not noisy


def make_step(optimizer: optax.GradientTransformation) -> Callable:
    """Makes a step (parameters, optimizer state, key, batch) -> (parameters, optimizer state, loss)."""

    def step(params, state, key, batch: Labelled):
        images, damage = augmented(key, to_float(jnp.asarray(batch.images)))

        def loss_of(params):
            readings = read(params, images)
            loss = STYLE_WEIGHT * squared_error(readings["pose"], batch.pose)
            for name, labels in (batch.labels | damage).items():
                loss += cross_entropy(readings[name], labels) * (1.0 if name == "glyph" else STYLE_WEIGHT)
            return loss

        loss, gradients = jax.value_and_grad(loss_of)(params)
        updates, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), state, loss

    return step


def read(params, images) -> dict[str, jax.Array]:
    """Applies network and heads to images in [-1, 1]; returns {head: logits}."""
    readings: Any = HEADS.apply({"params": params["heads"]}, Embedding().apply({"params": params["embedding"]}, images))
    return readings


def cross_entropy(logits, labels):
    """Averages the cross-entropy over the images that have a label."""
    losses = optax.losses.softmax_cross_entropy_with_integer_labels(logits, jnp.maximum(labels, 0))
    known = labels != UNKNOWN
    return jnp.where(known, losses, 0).sum() / jnp.maximum(known.sum(), 1)


def squared_error(readings, targets):
    """Averages the squared error over the targets that are known."""
    known = jnp.isfinite(targets)
    errors = jnp.where(known, readings - jnp.where(known, targets, 0), 0)  # 0 * nan is nan, in a gradient too
    return (errors**2).sum() / jnp.maximum(known.sum(), 1)


def augmented(key, images):
    """Moves images, lowers their contrast, blurs them and adds noise; returns them and the two levels as labels."""
    keys = iter(jax.random.split(key, 8))
    n = len(images)
    shifts = jax.random.randint(next(keys), (n, 2), -2, 3)
    images = jax.vmap(lambda image, shift: jnp.roll(image, shift, axis=(0, 1)))(images, shifts)
    contrast = jax.random.uniform(next(keys), (n, 1, 1, 1), minval=0.75, maxval=1.0)
    images = (images + 1) * contrast - 1  # black stays black, at -1
    blur, noise = damage_level(next(keys), n), damage_level(next(keys), n)
    images = blurred(images, blur)
    fine = jax.random.normal(next(keys), images.shape)
    half = jax.random.normal(next(keys), (n, SIZE // 2, SIZE // 2, 3))  # noise of an image of 16 pixels
    coarse = jax.image.resize(half, images.shape, "cubic")
    grain = jnp.where(jax.random.bernoulli(next(keys), shape=(n, 1, 1, 1)), fine, coarse)
    images += grain * jnp.asarray(VALUES["noise"])[noise][:, None, None, None]
    return jnp.clip(images, -1, 1), {"blur": blur, "noise": noise}


def damage_level(key, n: int):
    """Draws levels 0, 1 or 2, mostly 0."""
    rest = (1 - CLEAN) / 2  # the two levels of damage share what is not clean
    return jax.random.choice(key, 3, (n,), p=jnp.array([CLEAN, rest, rest]))


def blurred(images, level):
    """Applies binomial filters over rows and columns, as often as the level says."""
    for times in range(1, max(VALUES["blur"]) + 1):
        padded = jnp.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
        # One pass of (1, 2, 1) / 4 over rows, then over columns
        rows = padded[:, :-2] / 4 + padded[:, 1:-1] / 2 + padded[:, 2:] / 4
        softer = rows[:, :, :-2] / 4 + rows[:, :, 1:-1] / 2 + rows[:, :, 2:] / 4
        still = jnp.asarray(VALUES["blur"])[level] >= times
        images = jnp.where(still[:, None, None, None], softer, images)
    return images
