"""The real and generated images that a critic compares in an update, with their labels and keys."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from genjax.families.step import Knobs

# (images, key of their augmentation) -> the critic's logits (n,); of a critic of classes (images, key, labels (n,))
Logits = Callable[..., Array]


class Pairs(NamedTuple):
    """The images that the critic compares, and its keys for them.

    Attributes:
        real: images (n, h, w, c), some of them replaced by generated ones where APA does so.
        fake: generated images of the same shape.
        real_labels: () or (labels (n,),).
        fake_labels: likewise.
        real_key: key of the augmentation of real images.
        fake_key: of generated ones.
        between_key: key of the points between them.
        near: images of latents near those of `fake`, where zCR compares them; else None.
    """

    real: Array
    fake: Array
    real_labels: tuple[Array, ...]
    fake_labels: tuple[Array, ...]
    real_key: Array
    fake_key: Array
    between_key: Array
    near: Array | None = None


def pairs_of(real: Array, fake: Array, key: Array, *, knobs: Knobs, labels: Array | None = None) -> Pairs:
    """Pairs real and generated images, and replaces real ones at random: the same for the same key.

    Args:
        real: images (n, h, w, c).
        fake: generated images of the same shape.
        key: key of augmentations, of points between real and fake, and of what is replaced.
        knobs: `replace_probability` (APA) where it is set.
        labels: of the pairs (n,); None without classes.
    """
    real_key, fake_key, between_key, replace_key = jax.random.split(key, 4)
    fake_labels = () if labels is None else (labels,)
    real_labels = fake_labels
    if "replace_probability" in knobs:
        replaced = jax.random.bernoulli(replace_key, knobs["replace_probability"], (len(real), 1, 1, 1))
        # Others than those of the same pair: an image beside itself teaches a relativistic critic nothing.
        real = jnp.where(replaced, jnp.roll(fake, 1, axis=0), real)
        if labels is not None:  # a generated image keeps the label that it was made of
            real_labels = (jnp.where(replaced[:, 0, 0, 0], jnp.roll(labels, 1), labels),)
    return Pairs(real, fake, real_labels, fake_labels, real_key, fake_key, between_key)
