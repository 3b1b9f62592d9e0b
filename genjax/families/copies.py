"""The share of a learner's samples that copy a training image, measured inside a step every few steps.

It is what memorisation control follows: `genjax.evaluate.metrics.letters.copies` in float32, on the device.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from numpy.typing import ArrayLike

from genjax.data import LazyImages
from genjax.data.images import to_float
from genjax.errors import InputError
from genjax.families.learner import Networks

COPY = 1 / 3  # part of the distance to the second nearest image, under which the nearest one is copied
SAMPLES = 16  # latents whose images are looked at
MOST = 1000  # training images: they are a constant of the compiled step

Measure = Callable[[Networks, Networks, Array, Array], Array]  # (trainable, context, key, updates done ()) -> share ()


class Shots(NamedTuple):
    """The images that are not to be copied.

    Attributes:
        images: uint8 (k, h, w, c), different ones.
        every: steps between two measurements.
        labels: classes of these images, as the model counts them; () without.
    """

    images: np.ndarray
    every: int
    labels: tuple[int, ...] = ()


def different_shots(images: np.ndarray | LazyImages, every: int, labels: ArrayLike = ()) -> Shots:
    """Makes the shots of training images, uint8 (k, h, w, c); equal ones count once, or nothing would copy them.

    Raises:
        InputError: fewer than two different images, or too many.
    """
    if len(images) > MOST:
        raise InputError(
            f"--control.copies compares samples with up to {MOST:,} images, and there are {len(images):,}. Leave it"
            " out, or take fewer with --shots."
        )
    kept = np.unique(np.asarray(images[:]), axis=0)
    if len(kept) < 2:
        raise InputError(
            "--control.copies compares the nearest image with the second nearest, and there is one. Leave it out, or"
            " take more with --shots."
        )
    return Shots(kept, every, tuple(int(label) for label in np.unique(labels)))


def share_of_copies(images: Array, shots: Array) -> Array:
    """Computes the share () of images that are nearer to a shot than a third of the way to the second nearest.

    (Somepalli et al. 2023; ratio of Yoon et al. 2023)

    Args:
        images: (n, h, w, c) in [-1, 1].
        shots: (k, h, w, c) in [-1, 1], 2 or more.
    """
    centre = shots.mean(axis=0, keepdims=True)  # distances stay; near the origin they lose fewer digits
    flat, known = ((one - centre).reshape(len(one), -1) for one in (images, shots))
    # |x - s|^2 = |x|^2 - 2 x.s + |s|^2, (n, k); accelerators would round the product to 8 bits otherwise
    products = jnp.matmul(flat, known.T, precision=lax.Precision.HIGHEST)
    squared = jnp.square(flat).sum(axis=1)[:, None] - 2 * products + jnp.square(known).sum(axis=1)[None]
    nearest = jnp.sort(jnp.maximum(squared, 0), axis=1)[:, :2]
    # d1 < d2 / 3, in squares
    return (nearest[:, 0] < COPY**2 * nearest[:, 1]).astype(jnp.float32).mean()


def measure_of(
    shots: Shots | None,
    draw: Callable[[Array, int], Array],
    generate: Callable[..., Array],
    condition: Array | None = None,
) -> Measure | None:
    """Returns the measurement of a learner, NaN in the steps between; None without shots.

    Args:
        shots: that are not to be copied.
        draw: (key, n) -> latents.
        generate: (networks, context, latents, condition) -> images (n, h, w, c) in [-1, 1].
        condition: SAMPLES rows, as of `labels_apart`; None without.
    """
    if shots is None:
        return None

    def measure(trainable: Networks, context: Networks, key: Array, done: Array) -> Array:
        def share() -> Array:
            made = generate(trainable, context, draw(key, SAMPLES), condition)
            return share_of_copies(jnp.clip(made, -1, 1), to_float(jnp.asarray(shots.images)))

        return lax.cond(done % shots.every == 0, share, lambda: jnp.full((), jnp.nan, jnp.float32))

    return measure


def labels_apart(classes: int, shots: Shots | None) -> Array | None:
    """Returns the labels int32 (SAMPLES,) of the samples; None without classes.

    They are from all over the classes that no shot has, where there are any: of a shot's own class, as of a letter of a
    font, the right image may be the shot itself.
    """
    if not classes:
        return None
    shown = () if shots is None else shots.labels
    others = [label for label in range(classes) if label not in shown] or list(range(classes))
    return jnp.asarray([others[place] for place in places_over(len(others), SAMPLES)], jnp.int32)


def places_over(number: int, n: int) -> np.ndarray:
    """Returns n places from all over so many, in turn where they are fewer than n."""
    rows = np.arange(n)
    return rows % number if number <= n else rows * number // n
