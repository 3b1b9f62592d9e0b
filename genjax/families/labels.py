"""The labels of networks of classes: given to a module, and made where no image gives them."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

PENALTY_LABELS = 1 << 28  # folded into a penalty's key for the labels of its latents


def told(labels: Array | None) -> dict[str, Array]:
    """Returns the argument by which a module is told its labels; a module without classes has none."""
    return {} if labels is None else {"labels": labels}


def labels_of(batch: Any, classes: int) -> Array | None:
    """Returns the labels of a batch; None without classes."""
    return jnp.asarray(batch["label"], jnp.int32) if classes else None


def labels_in_turn(classes: int, n: int) -> Array | None:
    """Returns labels (n,) of all classes in turn, for images that are the same each time; None without classes."""
    return jnp.arange(n, dtype=jnp.int32) % classes if classes else None


def random_labels(key: Array, classes: int, n: int) -> Array | None:
    """Draws labels (n,), all classes alike; None without classes."""
    return jax.random.randint(key, (n,), 0, classes, jnp.int32) if classes else None


def penalty_labels(key: Array, known: int, n: int) -> Array | None:
    """Draws the labels of latents that a transfer's penalty compares images of: of all classes that the source knows.

    A class that is new to it is left free: what the source draws of it is no example. Source and adapted network get
    the same labels, as these depend on the key of the penalty alone.
    """
    return random_labels(jax.random.fold_in(key, PENALTY_LABELS), known, n) if known else None
