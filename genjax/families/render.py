"""Pictures out of a learner: uint8 images in chunks of one size, so that any number compiles once."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from genjax.data.images import to_uint8
from genjax.families.learner import Learner, Networks

Renderer = Callable[[Networks, Networks, Array], np.ndarray]  # (networks, context, latents) -> uint8 images

CHUNK = 64


def make_renderer(learner: Learner) -> Renderer:
    """(networks, context, latents (n, d)) -> uint8 images (n, h, w, c); keep it: it holds what is compiled."""
    generate = jax.jit(learner.generate)

    def render(networks: Networks, context: Networks, latents: Array) -> np.ndarray:
        n = len(latents)
        padded = jnp.pad(latents, ((0, -n % CHUNK), (0, 0)))
        chunks = [
            to_uint8(np.asarray(generate(networks, context, padded[start : start + CHUNK])))
            for start in range(0, n, CHUNK)
        ]
        return np.concatenate(chunks)[:n]

    return render
