"""Arrays and parameters that numpy draws: JAX compiles a program for each shape, which takes a tenth of a second."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from genjax.tree import Tree, flatten, unflatten


def normal(key: Array, shape: tuple[int, ...] = ()) -> Array:
    """Draws standard normal numbers, float32; not those that `jax.random.normal` gives of this key."""
    return jnp.asarray(_generator(key).normal(size=shape), jnp.float32)


def uniform(key: Array, shape: tuple[int, ...] = (), minval: float = 0.0, maxval: float = 1.0) -> Array:
    """Draws uniform numbers, float32; not those that `jax.random.uniform` gives of this key."""
    drawn = _generator(key).uniform(minval, maxval, size=shape).astype(np.float32)
    return jnp.asarray(np.minimum(drawn, np.nextafter(np.float32(maxval), np.float32(minval))))  # none rounded up to it


def _generator(key: Array) -> np.random.Generator:
    return np.random.default_rng(np.asarray(jax.random.key_data(key)))


def parameters(network: Any, *inputs: Any, own: str = "") -> Tree:
    """Draws parameters of a Flax network from their shapes alone, where it does not matter how it begins.

    Nothing is zero but biases: kernels and tables have variance 1 / inputs, scales are 1. The layer `own` begins as the
    network has it; to compile one layer's beginning takes a moment.
    """
    shapes = jax.eval_shape(network.init, jax.random.key(0), *inputs)["params"]
    rng, filled = np.random.default_rng(0), {}
    for name, leaf in flatten(shapes).items():
        values = {"bias": np.zeros, "scale": np.ones}.get(name.rpartition("/")[2])
        inputs_of = max(1, int(np.prod(leaf.shape[:-1])))
        made = rng.normal(size=leaf.shape) / np.sqrt(inputs_of) if values is None else values(leaf.shape)
        filled[name] = jnp.asarray(made, leaf.dtype)
    if own:
        begin = jax.jit(lambda key, *inputs: network.init(key, *inputs)["params"][own])  # XLA leaves out all others
        filled |= {f"{own}/{name}": leaf for name, leaf in flatten(begin(jax.random.key(0), *inputs)).items()}
    return unflatten(filled)
