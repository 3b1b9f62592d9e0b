"""Pictures out of a learner: uint8 images in chunks of one size, so that any number compiles once."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from genjax.data.images import to_uint8
from genjax.families.learner import Learner, Networks

Renderer = Callable[[Networks, Networks, Any], np.ndarray]  # (networks, context, inputs) -> uint8 images

CHUNK = 64


def make_renderer(make: Callable[[Networks, Networks, Any], Array]) -> Renderer:
    """Makes (networks, context, inputs) -> uint8 images (n, h, w, c). Keep it: it holds what is compiled.

    Args:
        make: (networks, context, inputs) -> images in [-1, 1], for any n; a learner's `latents.generate` is one.
    """
    compiled = jax.jit(make)

    def render(networks: Networks, context: Networks, inputs: Any) -> np.ndarray:
        n = len(jax.tree.leaves(inputs)[0])
        padded = jax.tree.map(lambda rows: jnp.pad(rows, ((0, -n % CHUNK), *[(0, 0)] * (rows.ndim - 1))), inputs)
        chunks = []
        for begin in range(0, n, CHUNK):
            part = jax.tree.map(lambda rows, begin=begin: rows[begin : begin + CHUNK], padded)
            chunks.append(to_uint8(np.asarray(compiled(networks, context, part))))
        return np.concatenate(chunks)[:n]

    return render


def draw_latents(learner: Learner, key: Array, n: int) -> Array:
    """Draws latents (n, d) of a learner that has some."""
    if learner.latents is None:
        raise ValueError("this learner makes no images of latents")
    return learner.latents.draw(key, n)
